/*
 * Programs tell why they failed by exit status, signal and words on standard error, each its own
 * way; the tables below are what pdftotext 22.12, catdoc 0.95, antiword 0.37 and our own two were
 * seen to do. What matches no row is taken as a damaged file, the usual reason.
 */
#include "io/extract_tool.h"

#include <assert.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/text.h"

enum {
    /* Exit statuses of personad-sandbox; pdftotext, catdoc and antiword have none of them, but the
     * loader ends with 127 a program whose libraries are missing. */
    LAUNCHER_FAILED_FIRST = 125,
    LAUNCHER_FAILED_LAST = 127,
    /* Exit statuses of personad-docx. */
    DOCX_OTHER = 2,
    DOCX_LIMIT = 4,
    DOCX_ENCRYPTED = 5,
    OPEN_FILES = 16, /* pdftotext has 5 open at most, and the loader one more */
};

static const char tool_path_usual[] = "/usr/bin:/bin:/usr/local/bin";

/* What each kind is called in a sentence. */
static const char *const nouns[] = {
    [FILE_UNKNOWN] = "file",      [FILE_PDF] = "PDF",   [FILE_DOCX] = "Word document",
    [FILE_DOC] = "Word document", [FILE_TEXT] = "text",
};

static const struct {
    const char *type;
    enum file_kind kind;
} content_types[] = {
    {"application/pdf", FILE_PDF},
    {"application/x-pdf", FILE_PDF},
    {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", FILE_DOCX},
    {"application/msword", FILE_DOC},
    {"text/plain", FILE_TEXT},
    {"text/markdown", FILE_TEXT},
    {"text/x-markdown", FILE_TEXT},
};

static const struct {
    const char *ending;
    enum file_kind kind;
} endings[] = {
    {".pdf", FILE_PDF},  {".docx", FILE_DOCX}, {".doc", FILE_DOC},
    {".txt", FILE_TEXT}, {".md", FILE_TEXT},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool has_tool(enum file_kind kind)
{
    return kind == FILE_PDF || kind == FILE_DOCX || kind == FILE_DOC;
}

static enum file_kind kind_by_name(const char *filename)
{
    const char *ending = filename ? strrchr(filename, '.') : NULL;

    for (size_t i = 0; ending && i < COUNT(endings); i++)
        if (strcasecmp(ending, endings[i].ending) == 0)
            return endings[i].kind;
    return FILE_UNKNOWN;
}

static enum file_kind kind_by_type(const char *content_type)
{
    if (!content_type)
        return FILE_UNKNOWN;
    const struct slice type = slice_trim((struct slice){content_type, strcspn(content_type, ";")});

    for (size_t i = 0; i < COUNT(content_types); i++)
        if (type.length == strlen(content_types[i].type) &&
            strncasecmp(type.data, content_types[i].type, type.length) == 0)
            return content_types[i].kind;
    return FILE_UNKNOWN;
}

enum file_kind file_kind_of(const char *filename, const char *content_type)
{
    const enum file_kind by_type = kind_by_type(content_type);
    const enum file_kind by_name = kind_by_name(filename);

    if (by_type == FILE_UNKNOWN || (by_type == FILE_DOC && by_name == FILE_DOCX))
        return by_name;
    return by_type;
}

static bool begins_with(const char *head, size_t length, const char *magic)
{
    return length >= strlen(magic) && memcmp(head, magic, strlen(magic)) == 0;
}

enum err extract_tool_sniff(enum file_kind kind, const char *head, size_t head_length,
                            uint64_t size, struct error *error)
{
    static const char zip[] = "PK\3\4", ole2[] = "\xD0\xCF\x11\xE0", rtf[] = "{\\rtf";
    assert(head_length <= size);
    const size_t length = head_length < EXTRACT_HEAD_BYTES ? head_length : EXTRACT_HEAD_BYTES;
    const char *fault = NULL;

    if (size == 0)
        fault = "the file is empty";
    else if (kind == FILE_PDF && !memmem(head, length, "%PDF-", 5))
        fault = "the file is not a PDF";
    else if (kind == FILE_DOCX && begins_with(head, length, ole2))
        fault = "the Word document is encrypted or in the old .doc format";
    else if (kind == FILE_DOCX && !begins_with(head, length, zip))
        fault = "the file is not a Word document";
    else if (kind == FILE_DOC && begins_with(head, length, zip))
        fault = "the file is a .docx document under the name of a .doc";
    else if (kind == FILE_DOC && !begins_with(head, length, ole2) &&
             !begins_with(head, length, rtf)) /* which Word opens as well, and catdoc */
        fault = "the file is not a Word document";
    return fault ? error_set(error, ERR_UNPROCESSABLE, "%s", fault) : OK;
}

/* A program of one of our directories, NULL if it is in none. */
static const char *find_tool(const struct extract_limits *limits, struct arena *arena,
                             const char *name)
{
    const char *path = limits->tool_path ? limits->tool_path : tool_path_usual;

    while (*path) {
        const size_t length = strcspn(path, ":");
        const char *tool = arena_printf(arena, "%.*s/%s", (int)length, path, name);
        if (access(tool, X_OK) == 0)
            return tool;
        path += length + (path[length] == ':');
    }
    return NULL;
}

struct command {
    const char **argv;
    size_t count;
};

static void add(struct command *command, const char *argument)
{
    assert(command->count < EXTRACT_ARGUMENTS_MAX);
    command->argv[command->count++] = argument;
}

static void add_all(struct command *command, const char *const *arguments)
{
    while (*arguments)
        add(command, *arguments++);
}

static void add_sandbox(struct command *command, const struct extract_limits *limits,
                        struct arena *arena, const char *sandbox)
{
    add(command, sandbox);
    add(command, "--cpu");
    add(command, arena_printf(arena, "%d", limits->cpu_seconds));
    add(command, "--memory");
    add(command, arena_printf(arena, "%zu", limits->memory));
    add(command, "--files");
    add(command, arena_printf(arena, "%d", OPEN_FILES));
    add(command, "--parent");
    add(command, arena_printf(arena, "%d", (int)getpid()));
    if (!limits->strict)
        add(command, "--best-effort");
    add(command, "--");
}

static enum err add_pdf_tool(struct command *command, const struct extract_limits *limits,
                             struct arena *arena, struct error *error)
{
    /* Not -q: that would hide why a file cannot be read. */
    static const char *const arguments[] = {"-enc", "UTF-8", "-", "-", NULL};
    const char *tool = find_tool(limits, arena, "pdftotext");

    if (!tool)
        return error_set(error, ERR_UNAVAILABLE, "reading PDFs needs pdftotext on the server");
    add(command, tool);
    add_all(command, arguments);
    return OK;
}

static enum err add_docx_tool(struct command *command, const struct extract_limits *limits,
                              struct arena *arena, struct error *error)
{
    const char *tool = arena_printf(arena, "%s/personad-docx", limits->program_dir);

    if (access(tool, X_OK) != 0)
        return error_set(error, ERR_UNAVAILABLE, "personad-docx is not installed beside personad");
    add(command, tool);
    add(command, "--max");
    add(command, arena_printf(arena, "%zu", limits->output));
    return OK;
}

static enum err add_doc_tool(struct command *command, const struct extract_limits *limits,
                             struct arena *arena, struct error *error)
{
    static const char *const catdoc_arguments[] = {"-d", "utf-8", "-w", NULL};
    /* antiword would copy standard input to a file first, which the sandbox does not let it. */
    static const char *const antiword_arguments[] = {"-m", "UTF-8.txt",       "-w",
                                                     "0",  "/proc/self/fd/0", NULL};
    const char *catdoc = find_tool(limits, arena, "catdoc");
    const char *tool = catdoc ? catdoc : find_tool(limits, arena, "antiword");

    if (!tool)
        return error_set(error, ERR_UNAVAILABLE,
                         "reading .doc files needs catdoc or antiword on the server");
    add(command, tool);
    add_all(command, catdoc ? catdoc_arguments : antiword_arguments);
    return OK;
}

static enum err add_tool(struct command *command, enum file_kind kind,
                         const struct extract_limits *limits, struct arena *arena,
                         struct error *error)
{
    switch (kind) {
    case FILE_PDF:
        return add_pdf_tool(command, limits, arena, error);
    case FILE_DOCX:
        return add_docx_tool(command, limits, arena, error);
    default:
        return add_doc_tool(command, limits, arena, error);
    }
}

enum err extract_tool_command(enum file_kind kind, const struct extract_limits *limits,
                              struct arena *arena, const char **argv_out, struct error *error)
{
    assert(has_tool(kind));
    const char *sandbox = arena_printf(arena, "%s/personad-sandbox", limits->program_dir);
    const char *argv[EXTRACT_ARGUMENTS_MAX];
    struct command command = {.argv = argv};

    if (access(sandbox, X_OK) != 0)
        return error_set(error, ERR_UNAVAILABLE,
                         "personad-sandbox is not installed beside personad");
    add_sandbox(&command, limits, arena, sandbox);
    const enum err err = add_tool(&command, kind, limits, arena, error);
    if (err)
        return err;
    add(&command, NULL);
    memcpy(argv_out, argv, command.count * sizeof(argv[0]));
    return OK;
}

/* Words on standard error that tell a reason better than the exit status. The first match counts;
 * %s is the noun. */
static const struct {
    const char *words;
    const char *reason;
} complaints[] = {
    {"bad_alloc", "reading it needed too much memory"},
    {"Out of memory", "reading it needed too much memory"},
    {"out of memory", "reading it needed too much memory"},
    {"Incorrect password", "the %s is encrypted"},
    {"File is encrypted", "the %s is encrypted"},
    {"Encrypted documents", "the %s is encrypted"},
    {"Document stream is empty", "the file is empty"},
    {"Copying of text", "the author of the %s has forbidden to copy text from it"},
    {"not a Word Document", "the file is not a Word document"},
};

static bool complained(const struct subprocess *child, const char *words)
{
    const struct buffer *errors = &child->errors;
    return errors->length > 0 && memmem(errors->data, errors->length, words, strlen(words));
}

static enum err unprocessable(struct error *error, const char *reason, enum file_kind kind)
{
    const char *noun = strstr(reason, "%s");

    if (!noun)
        return error_set(error, ERR_UNPROCESSABLE, "%s", reason);
    return error_set(error, ERR_UNPROCESSABLE, "%.*s%s%s", (int)(noun - reason), reason,
                     nouns[kind], noun + 2);
}

static enum err too_much_text(const struct extract_limits *limits, struct error *error)
{
    const bool megabytes = limits->output >= 1u << 20;

    return error_set(error, ERR_UNPROCESSABLE, "it has more text than %zu %s",
                     limits->output >> (megabytes ? 20 : 10), megabytes ? "MB" : "KB");
}

static enum err verdict_on_signal(enum file_kind kind, const struct subprocess *child,
                                  struct error *error)
{
    switch (child->term_signal) {
    case SIGXCPU:
        return unprocessable(error, "reading it took too long", kind);
    case SIGKILL: /* processor time where SIGXCPU was ignored, or a system out of memory */
        return unprocessable(error, "reading it took too much time or memory", kind);
    case SIGABRT: /* got no memory, without time to say so; or met a fault of its own */
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
        return unprocessable(error, "it is damaged, or too large to be read", kind);
    default: /* somebody's kill, or a standard output that was closed early */
        return error_set(error, ERR_UNAVAILABLE,
                         "the program that reads it was stopped by signal %d", child->term_signal);
    }
}

static enum err verdict_on_docx(const struct extract_limits *limits, const struct subprocess *child,
                                struct error *error)
{
    switch (child->exit_status) {
    case DOCX_OTHER:
        return unprocessable(error, "the file is not a Word document", FILE_DOCX);
    case DOCX_LIMIT:
        return complained(child, "more text")
                   ? too_much_text(limits, error)
                   : unprocessable(error, "the %s is too large to be read", FILE_DOCX);
    case DOCX_ENCRYPTED:
        return unprocessable(error, "the %s is encrypted or in the old .doc format", FILE_DOCX);
    default:
        return unprocessable(error, "the %s is damaged and cannot be read", FILE_DOCX);
    }
}

/* It ended by itself, and well: is there text? */
static enum err verdict_on_text(enum file_kind kind, const struct subprocess *child,
                                struct error *error)
{
    const struct slice text = {child->output.data, child->output.length};

    if (text.length > 0 && slice_trim(text).length > 0)
        return OK;
    if (kind != FILE_PDF)
        return unprocessable(error, "the %s has no text", kind);
    if (complained(child, "Missing language pack"))
        return error_set(error, ERR_UNAVAILABLE,
                         "reading this PDF needs poppler-data on the server");
    if (complained(child, "Syntax Error"))
        return unprocessable(error, "the %s is damaged and cannot be read", kind);
    return unprocessable(error, "the %s has no text layer (it may be a scan)", kind);
}

enum err extract_tool_verdict(enum file_kind kind, const struct extract_limits *limits,
                              const struct subprocess *child, struct error *error)
{
    assert(has_tool(kind));

    if (child->ended == SUBPROCESS_TIMED_OUT)
        return unprocessable(error, "reading it took too long", kind);
    if (child->ended == SUBPROCESS_OUTPUT_LIMIT)
        return too_much_text(limits, error);
    if (child->term_signal == 0 && child->exit_status == 0)
        return verdict_on_text(kind, child, error);
    if (child->term_signal == 0 && child->exit_status >= LAUNCHER_FAILED_FIRST &&
        child->exit_status <= LAUNCHER_FAILED_LAST) {
        const int length = (int)(child->errors.length > 0 ? strcspn(child->errors.data, "\n") : 0);
        return error_set(error, ERR_UNAVAILABLE, "the sandbox failed with status %d: %.*s",
                         (int)child->exit_status, length, length ? child->errors.data : "");
    }

    for (size_t i = 0; i < COUNT(complaints); i++)
        if (complained(child, complaints[i].words))
            return unprocessable(error, complaints[i].reason, kind);
    if (child->term_signal != 0)
        return verdict_on_signal(kind, child, error);
    if (kind == FILE_DOCX)
        return verdict_on_docx(limits, child, error);
    return unprocessable(error, "the %s is damaged and cannot be read", kind);
}
