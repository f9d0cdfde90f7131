/*
 * Names, first bytes and verdicts as tables; then the real programs, in the real sandbox, over the
 * files of make_pdfs.py.
 */
#include "io/extract_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct extract_limits limits = {
    .program_dir = SANDBOX_DIR,
    .cpu_seconds = 20,
    .memory = 512u << 20,
    .output = 16u << 20,
    .strict = true,
};

static char directory[] = "/tmp/extract_tool.XXXXXX"; /* of the generated files */

static void test_kind_of(void **state)
{
    static const struct {
        const char *name, *type;
        enum file_kind kind;
    } rows[] = {
        {"case.pdf", NULL, FILE_PDF},
        {"case.PDF", "", FILE_PDF},
        {"case.v2.Docx", "application/octet-stream", FILE_DOCX},
        {"case.doc", "application/octet-stream", FILE_DOC},
        {"notes.txt", NULL, FILE_TEXT},
        {"README.Md", NULL, FILE_TEXT},
        {"case.pdf", "text/plain", FILE_TEXT},
        {"case.txt", "application/pdf", FILE_PDF},
        {NULL, "Application/PDF", FILE_PDF},
        {NULL, " text/plain ; charset=utf-8", FILE_TEXT},
        {NULL, "text/markdown", FILE_TEXT},
        {"x", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", FILE_DOCX},
        {"x", "application/msword", FILE_DOC},
        {"x.docx", "application/msword", FILE_DOCX},
        {"x.pdf", "application/msword", FILE_DOC},
        {"x.pdf", "text/html", FILE_PDF},
        {"x.html", "text/html", FILE_UNKNOWN},
        {"pdf", NULL, FILE_UNKNOWN},
        {"x.pdf.exe", "application/pdfx", FILE_UNKNOWN},
        {"", "", FILE_UNKNOWN},
        {NULL, NULL, FILE_UNKNOWN},
        {"x.", ";", FILE_UNKNOWN},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(file_kind_of(rows[i].name, rows[i].type), rows[i].kind);
}

static void test_sniff(void **state)
{
    static const char ole2[] = "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";
    static const struct {
        enum file_kind kind;
        const char *head;
        const char *reason; /* NULL: passes */
    } rows[] = {
        {FILE_PDF, "%PDF-1.7\n", NULL},
        {FILE_PDF, "\xEF\xBB\xBF\r\n\r\n%PDF-1.4", NULL},
        {FILE_PDF, "%PDF", "the file is not a PDF"},
        {FILE_PDF, "PK\3\4", "the file is not a PDF"},
        {FILE_PDF, "", "the file is empty"},
        {FILE_DOCX, "PK\3\4rest", NULL},
        {FILE_DOCX, "PK", "the file is not a Word document"},
        {FILE_DOCX, ole2, "the Word document is encrypted or in the old .doc format"},
        {FILE_DOC, ole2, NULL},
        {FILE_DOC, "{\\rtf1\\ansi}", NULL},
        {FILE_DOC, "PK\3\4rest", "the file is a .docx document under the name of a .doc"},
        {FILE_DOC, "<html>", "the file is not a Word document"},
        {FILE_TEXT, "anything", NULL},
        {FILE_TEXT, "", "the file is empty"},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error error = {0};
        const size_t length = strlen(rows[i].head);
        const enum err err = extract_tool_sniff(rows[i].kind, rows[i].head, length, length, &error);
        assert_int_equal(err, rows[i].reason ? ERR_UNPROCESSABLE : OK);
        assert_string_equal(error.detail, rows[i].reason ? rows[i].reason : "");
    }
}

static void test_sniff_looks_at_the_first_kilobyte(void **state)
{
    char head[2048];
    (void)state;

    memset(head, ' ', sizeof(head));
    memcpy(head + EXTRACT_HEAD_BYTES - 5, "%PDF-", 5);
    assert_int_equal(extract_tool_sniff(FILE_PDF, head, sizeof(head), 9999, NULL), OK);
    memmove(head + EXTRACT_HEAD_BYTES - 4, "%PDF-", 5);
    head[EXTRACT_HEAD_BYTES - 5] = ' ';
    assert_int_equal(extract_tool_sniff(FILE_PDF, head, sizeof(head), 9999, NULL),
                     ERR_UNPROCESSABLE);
}

/* argv with single spaces between. */
static char *joined(struct arena *arena, const char *const *argv)
{
    char *all = arena_strdup(arena, "");

    for (; *argv; argv++)
        all = arena_printf(arena, "%s%s%s", all, *all ? " " : "", *argv);
    return all;
}

static void test_command(void **state)
{
    struct extract_limits loose = limits;
    const char *argv[EXTRACT_ARGUMENTS_MAX];
    struct arena arena;
    (void)state;

    arena_init(&arena);
    assert_int_equal(extract_tool_command(FILE_PDF, &limits, &arena, argv, NULL), OK);
    const char *wanted =
        arena_printf(&arena,
                     SANDBOX_DIR "/personad-sandbox --cpu 20 --memory 536870912 --files 16 "
                                 "--parent %d -- /usr/bin/pdftotext -enc UTF-8 - -",
                     (int)getpid());
    assert_string_equal(joined(&arena, argv), wanted);

    loose.strict = false;
    loose.output = 1000;
    assert_int_equal(extract_tool_command(FILE_DOCX, &loose, &arena, argv, NULL), OK);
    const char *command = joined(&arena, argv);
    assert_non_null(strstr(command, " --best-effort -- " SANDBOX_DIR "/personad-docx --max 1000"));

    assert_int_equal(extract_tool_command(FILE_DOC, &limits, &arena, argv, NULL), OK);
    assert_non_null(strstr(joined(&arena, argv), " -- /usr/bin/catdoc -d utf-8 -w"));
    arena_clear(&arena);
}

static void test_command_without_its_programs(void **state)
{
    static const struct {
        enum file_kind kind;
        const char *program_dir, *reason;
    } rows[] = {
        {FILE_PDF, SANDBOX_DIR, "reading PDFs needs pdftotext on the server"},
        {FILE_DOC, SANDBOX_DIR, "reading .doc files needs catdoc or antiword on the server"},
        {FILE_DOCX, "/nonexistent", "personad-sandbox is not installed beside personad"},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct extract_limits bare = limits;
        const char *argv[EXTRACT_ARGUMENTS_MAX] = {"untouched"};
        struct error error = {0};
        struct arena arena;

        bare.program_dir = rows[i].program_dir;
        bare.tool_path = "/nonexistent:/:";
        arena_init(&arena);
        assert_int_equal(extract_tool_command(rows[i].kind, &bare, &arena, argv, &error),
                         ERR_UNAVAILABLE);
        assert_string_equal(error.detail, rows[i].reason);
        assert_string_equal(argv[0], "untouched");
        arena_clear(&arena);
    }
}

static void test_verdict(void **state)
{
    static const struct {
        enum file_kind kind;
        enum subprocess_end ended;
        int status, signal;
        const char *errors, *output;
        enum err err;
        const char *reason;
    } rows[] = {
        {FILE_PDF, SUBPROCESS_EXITED, 0, 0, "", "Text", OK, ""},
        {FILE_PDF, SUBPROCESS_EXITED, 0, 0, "Syntax Error: no matter", "Text", OK, ""},
        {FILE_PDF, SUBPROCESS_EXITED, 0, 0, "", " \f\n\f", ERR_UNPROCESSABLE,
         "the PDF has no text layer (it may be a scan)"},
        {FILE_PDF, SUBPROCESS_EXITED, 0, 0, "", "", ERR_UNPROCESSABLE,
         "the PDF has no text layer (it may be a scan)"},
        {FILE_PDF, SUBPROCESS_EXITED, 0, 0, "Syntax Error: Loop in Pages tree\n", "",
         ERR_UNPROCESSABLE, "the PDF is damaged and cannot be read"},
        {FILE_PDF, SUBPROCESS_EXITED, 0, 0, "Syntax Error: Missing language pack for 'x'\n", "\f",
         ERR_UNAVAILABLE, "reading this PDF needs poppler-data on the server"},
        {FILE_PDF, SUBPROCESS_EXITED, 1, 0, "Command Line Error: Incorrect password\n", "",
         ERR_UNPROCESSABLE, "the PDF is encrypted"},
        {FILE_PDF, SUBPROCESS_EXITED, 1, 0, "Syntax Error: Couldn't read xref table\n", "",
         ERR_UNPROCESSABLE, "the PDF is damaged and cannot be read"},
        {FILE_PDF, SUBPROCESS_EXITED, 3, 0, "Command Line Error: Copying of text from this ...", "",
         ERR_UNPROCESSABLE, "the author of the PDF has forbidden to copy text from it"},
        {FILE_PDF, SUBPROCESS_EXITED, 99, 0, "", "Text", ERR_UNPROCESSABLE,
         "the PDF is damaged and cannot be read"},
        {FILE_PDF, SUBPROCESS_EXITED, 0, SIGABRT, "what():  std::bad_alloc\n", "Text",
         ERR_UNPROCESSABLE, "reading it needed too much memory"},
        {FILE_PDF, SUBPROCESS_EXITED, 1, 0, "Out of memory\n", "", ERR_UNPROCESSABLE,
         "reading it needed too much memory"},
        {FILE_PDF, SUBPROCESS_EXITED, 0, SIGABRT, "", "", ERR_UNPROCESSABLE,
         "it is damaged, or too large to be read"},
        {FILE_PDF, SUBPROCESS_EXITED, 0, SIGSEGV, "", "", ERR_UNPROCESSABLE,
         "it is damaged, or too large to be read"},
        {FILE_PDF, SUBPROCESS_EXITED, 0, SIGXCPU, "", "", ERR_UNPROCESSABLE,
         "reading it took too long"},
        {FILE_PDF, SUBPROCESS_EXITED, 0, SIGKILL, "", "", ERR_UNPROCESSABLE,
         "reading it took too much time or memory"},
        {FILE_PDF, SUBPROCESS_EXITED, 0, SIGTERM, "", "", ERR_UNAVAILABLE,
         "the program that reads it was stopped by signal 15"},
        {FILE_PDF, SUBPROCESS_TIMED_OUT, 0, SIGKILL, "", "Text", ERR_UNPROCESSABLE,
         "reading it took too long"},
        {FILE_PDF, SUBPROCESS_OUTPUT_LIMIT, 0, SIGKILL, "", "Text", ERR_UNPROCESSABLE,
         "it has more text than 16 MB"},
        {FILE_PDF, SUBPROCESS_EXITED, 126, 0, "personad-sandbox: refused\nmore", "",
         ERR_UNAVAILABLE, "the sandbox failed with status 126: personad-sandbox: refused"},
        {FILE_PDF, SUBPROCESS_EXITED, 127, 0, "", "", ERR_UNAVAILABLE,
         "the sandbox failed with status 127: "},
        {FILE_DOCX, SUBPROCESS_EXITED, 0, 0, "", "\n\n", ERR_UNPROCESSABLE,
         "the Word document has no text"},
        {FILE_DOCX, SUBPROCESS_EXITED, 2, 0, "", "", ERR_UNPROCESSABLE,
         "the file is not a Word document"},
        {FILE_DOCX, SUBPROCESS_EXITED, 3, 0, "", "Text", ERR_UNPROCESSABLE,
         "the Word document is damaged and cannot be read"},
        {FILE_DOCX, SUBPROCESS_EXITED, 4, 0, "personad-docx: more text than allowed\n", "Text",
         ERR_UNPROCESSABLE, "it has more text than 16 MB"},
        {FILE_DOCX, SUBPROCESS_EXITED, 4, 0, "personad-docx: too many entries\n", "",
         ERR_UNPROCESSABLE, "the Word document is too large to be read"},
        {FILE_DOCX, SUBPROCESS_EXITED, 5, 0, "", "", ERR_UNPROCESSABLE,
         "the Word document is encrypted or in the old .doc format"},
        {FILE_DOC, SUBPROCESS_EXITED, 69, 0, "[File is encrypted. Encryption key = 0]\n", "",
         ERR_UNPROCESSABLE, "the Word document is encrypted"},
        {FILE_DOC, SUBPROCESS_EXITED, 1, 0, "Encrypted documents are not supported\n", "",
         ERR_UNPROCESSABLE, "the Word document is encrypted"},
        {FILE_DOC, SUBPROCESS_EXITED, 1, 0, "/proc/self/fd/0 is not a Word Document.\n", "",
         ERR_UNPROCESSABLE, "the file is not a Word document"},
        {FILE_DOC, SUBPROCESS_EXITED, 1, 0, "", "", ERR_UNPROCESSABLE,
         "the Word document is damaged and cannot be read"},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct subprocess child = {
            .ended = rows[i].ended, .exit_status = rows[i].status, .term_signal = rows[i].signal};
        struct error error = {0};

        buffer_init(&child.output, 100);
        buffer_init(&child.errors, 100);
        if (*rows[i].output)
            assert_int_equal(buffer_puts(&child.output, rows[i].output), OK);
        if (*rows[i].errors)
            assert_int_equal(buffer_puts(&child.errors, rows[i].errors), OK);
        assert_int_equal(extract_tool_verdict(rows[i].kind, &limits, &child, &error), rows[i].err);
        assert_string_equal(error.detail, rows[i].reason);
        buffer_clear(&child.output);
        buffer_clear(&child.errors);
    }
}

/* From here on the real programs. */

/* Reads a pipe into a buffer; what no longer fits is read and dropped. False at the end. */
static bool drain(int fd, struct buffer *into)
{
    char block[65536];
    const ssize_t length = read(fd, block, sizeof(block));

    if (length > 0 && buffer_append(into, block, (size_t)length) != OK) {
        const size_t room = into->max - into->length;
        assert_int_equal(buffer_append(into, block, room), OK);
    }
    return length > 0;
}

static void collect(int output, int errors, struct subprocess *child)
{
    struct pollfd pipes[] = {{.fd = output, .events = POLLIN}, {.fd = errors, .events = POLLIN}};

    while (pipes[0].fd >= 0 || pipes[1].fd >= 0) {
        assert_true(poll(pipes, 2, -1) > 0);
        if (pipes[0].revents && !drain(output, &child->output))
            pipes[0].fd = -1;
        if (pipes[1].revents && !drain(errors, &child->errors))
            pipes[1].fd = -1;
        pipes[0].revents = pipes[1].revents = 0;
    }
}

/* Runs `argv` to its end over the file `input`, as subprocess.c would; the caller clears. */
static void run(const char *const *argv, const char *input, struct subprocess *child)
{
    int output[2], errors[2], status;
    posix_spawn_file_actions_t actions;
    pid_t pid;

    *child = (struct subprocess){.ended = SUBPROCESS_EXITED};
    buffer_init(&child->output, limits.output);
    buffer_init(&child->errors, SUBPROCESS_ERRORS_MAX);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    assert_int_equal(pipe2(errors, O_CLOEXEC), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, output[1], 1), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, errors[1], 2), 0);
    assert_int_equal(posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(output[1]);
    close(errors[1]);

    collect(output[0], errors[0], child);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    child->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    child->term_signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    close(output[0]);
    close(errors[0]);
}

static void clear(struct subprocess *child)
{
    buffer_clear(&child->output);
    buffer_clear(&child->errors);
}

/* A program in the sandbox with options that leave it room. */
#define RUN_CONFINED(child, ...)                                                                   \
    run((const char *const[]){SANDBOX_DIR "/personad-sandbox", "--cpu", "20", "--memory",          \
                              "536870912", "--", __VA_ARGS__, NULL},                               \
        "/dev/null", (child))

static int make_files(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    const char *const argv[] = {"/usr/bin/python3", TEST_DATA "/../wire/make_pdfs.py", directory,
                                NULL};
    struct subprocess child;
    run(argv, "/dev/null", &child);
    if (child.exit_status != 0)
        fprintf(stderr, "make_pdfs.py: %s\n", child.errors.data);
    const int result = child.exit_status == 0 ? 0 : -1;
    clear(&child);
    return result;
}

static int remove_files(void **state)
{
    (void)state;
    const char *const argv[] = {"/bin/rm", "-r", directory, NULL};
    struct subprocess child;
    run(argv, "/dev/null", &child);
    clear(&child);
    return 0;
}

/* Sniffs, runs and judges one of the generated files: as the server does it. */
static enum err extract(const char *name, const struct extract_limits *within,
                        struct subprocess *child, struct error *error)
{
    const enum file_kind kind = file_kind_of(name, NULL);
    const char *argv[EXTRACT_ARGUMENTS_MAX];
    char path[256], head[EXTRACT_HEAD_BYTES];
    struct arena arena;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t length = fread(head, 1, sizeof(head), file);
    fclose(file);

    *child = (struct subprocess){0};
    enum err err = extract_tool_sniff(kind, head, length, length, error);
    if (err)
        return err;
    arena_init(&arena);
    assert_int_equal(extract_tool_command(kind, within, &arena, argv, NULL), OK);
    run(argv, path, child);
    arena_clear(&arena);
    return extract_tool_verdict(kind, within, child, error);
}

static void test_each_file(void **state)
{
    static const struct {
        const char *name;
        const char *reason; /* NULL: it has this text */
        const char *text;
    } rows[] = {
        {"text.pdf", NULL, "Arturo Benitez"},
        {"owner-locked.pdf", NULL, "Arturo Benitez"},
        {"encrypted.pdf", "the PDF is encrypted", NULL},
        {"truncated.pdf", "the PDF is damaged and cannot be read", NULL},
        {"empty.pdf", "the file is empty", NULL},
        {"image-only.pdf", "the PDF has no text layer (it may be a scan)", NULL},
        {"noise.pdf", "the file is not a PDF", NULL},
        {"html.pdf", "the file is not a PDF", NULL},
        {"many-links.pdf", "the PDF is damaged and cannot be read", NULL},
        {"loop.pdf", "the PDF is damaged and cannot be read", NULL},
        {"good.docx", NULL,
         "Café Étoile\n\nCéline Marchetti\towner\nsince 2009\n\nkept it\n\n"
         "name\trole\nJosé\tcook\n\n5 < 6 & 7\n"},
        {"strict.docx", NULL, "Céline Marchetti\towner"},
        {"encrypted.docx", "the Word document is encrypted or in the old .doc format", NULL},
        {"broken.docx", "the Word document is damaged and cannot be read", NULL},
        {"truncated.docx", "the Word document is damaged and cannot be read", NULL},
        {"doctype.docx", "the Word document is damaged and cannot be read", NULL},
        {"deep.docx", "the Word document is too large to be read", NULL},
        {"no-document.docx", "the file is not a Word document", NULL},
        {"legacy.doc", NULL, "Dana Whitlock runs the workshop.\n"},
        {"rtf.doc", NULL, "Dana Whitlock runs the workshop.\n"},
        {"encrypted.doc", "the Word document is encrypted", NULL},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct subprocess child;
        struct error error = {0};
        const enum err err = extract(rows[i].name, &limits, &child, &error);

        assert_string_equal(error.detail, rows[i].reason ? rows[i].reason : "");
        assert_int_equal(err, rows[i].reason ? ERR_UNPROCESSABLE : OK);
        if (rows[i].text)
            assert_non_null(strstr(child.output.data, rows[i].text));
        clear(&child);
    }
}

static void test_chinese(void **state)
{
    const bool installed = access("/usr/share/poppler/cMap/Adobe-GB1", R_OK) == 0;
    struct subprocess child;
    struct error error = {0};
    (void)state;

    const enum err err = extract("cjk.pdf", &limits, &child, &error);
    assert_int_equal(err, installed ? OK : ERR_UNAVAILABLE);
    if (installed)
        assert_non_null(strstr(child.output.data, "王小明是工厂的经理"));
    else
        assert_string_equal(error.detail, "reading this PDF needs poppler-data on the server");
    clear(&child);
}

static void test_limits_hold(void **state)
{
    struct extract_limits tight = limits;
    struct subprocess child;
    struct error error = {0};
    (void)state;

    tight.cpu_seconds = 1;
    assert_int_equal(extract("endless.pdf", &tight, &child, &error), ERR_UNPROCESSABLE);
    assert_string_equal(error.detail, "reading it took too long");
    assert_int_equal(child.term_signal, SIGXCPU);
    clear(&child);

    tight = limits;
    tight.memory = 128u << 20;
    assert_int_equal(extract("bomb.pdf", &tight, &child, &error), ERR_UNPROCESSABLE);
    assert_string_equal(error.detail, "reading it needed too much memory");
    assert_int_equal(child.term_signal, SIGABRT);
    clear(&child);

    tight = limits;
    tight.output = 100u << 10;
    assert_int_equal(extract("bomb.docx", &tight, &child, &error), ERR_UNPROCESSABLE);
    assert_string_equal(error.detail, "it has more text than 100 KB");
    assert_true(child.output.length <= tight.output);
    clear(&child);
}

static void test_sandbox_holds(void **state)
{
    struct subprocess child;
    (void)state;

    run((const char *const[]){SANDBOX_DIR "/personad-sandbox", "--check", NULL}, "/dev/null",
        &child);
    assert_int_equal(child.exit_status, 0);
    assert_int_equal(strncmp(child.output.data, "ok", 2), 0);
    clear(&child);

    RUN_CONFINED(&child, SANDBOX_DIR "/personad-sandbox", "--probe");
    assert_int_equal(child.exit_status, 0);
    assert_non_null(strstr(child.output.data, "socket: Operation not permitted\n"
                                              "write: Operation not permitted\n"
                                              "process: Operation not permitted\n"
                                              "program: Operation not permitted\n"));
    clear(&child);

    /* The same program without the sandbox: that the probe would tell. */
    run((const char *const[]){SANDBOX_DIR "/personad-sandbox", "--probe", NULL}, "/dev/null",
        &child);
    assert_non_null(strstr(child.output.data, "socket: done\nwrite: done\n"
                                              "process: done\nprogram: done\nread: done\n"));
    clear(&child);
}

static void test_sandbox_hands_nothing_down(void **state)
{
    struct subprocess child;
    const int leaked = dup(STDERR_FILENO); /* as libraries do that forget to close on exec */
    char name[32];
    (void)state;

    assert_true(leaked > STDERR_FILENO);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", leaked);
    RUN_CONFINED(&child, "/usr/bin/readlink", name);
    assert_int_equal(child.exit_status, 1);
    assert_int_equal(child.output.length, 0);
    clear(&child);
    close(leaked);

    RUN_CONFINED(&child, "/usr/bin/printenv");
    assert_string_equal(child.output.data, "LANG=C.UTF-8\nPATH=/usr/bin:/bin\nHOME=/nonexistent\n");
    clear(&child);
}

static void test_sandbox_own_failures(void **state)
{
    static const struct {
        const char *arguments[4];
        int status;
    } rows[] = {
        {{"--", "/nonexistent"}, 127},
        {{"--", "/dev/null"}, 126},
        {{"--"}, 125},
        {{"--cpu", "many", "/bin/true"}, 125},
        {{"--cpu"}, 125},
        {{"--files", "101", "/bin/true"}, 125},
        {{"--unheard-of"}, 125},
        {{"--memory", "-1", "/bin/true"}, 125},
        {{"--parent", "1", "/bin/true"}, 125},
    };
    (void)state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *const *a = rows[i].arguments;
        struct subprocess child;

        run((const char *const[]){SANDBOX_DIR "/personad-sandbox", a[0], a[1], a[2], NULL},
            "/dev/null", &child);
        assert_int_equal(child.term_signal, 0);
        assert_int_equal(child.exit_status, rows[i].status);
        assert_int_equal(strncmp(child.errors.data, "personad-sandbox: ", 18), 0);
        clear(&child);
    }
}

/* The status of the sandbox around a program that does nothing, on a kernel without filters: a
 * filter makes it look like one. */
static int status_without_filters(const char *option)
{
    const struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SECCOMP, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    };
    const struct sock_fprog filter = {.len = COUNT(code), .filter = (struct sock_filter *)code};
    int status;

    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
            _exit(1);
        close(STDERR_FILENO);
        execl(SANDBOX_DIR "/personad-sandbox", "personad-sandbox", option, "/bin/true", NULL);
        _exit(2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_sandbox_without_filters(void **state)
{
    (void)state;
    assert_int_equal(status_without_filters("--"), 126);
    assert_int_equal(status_without_filters("--best-effort"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kind_of),
        cmocka_unit_test(test_sniff),
        cmocka_unit_test(test_sniff_looks_at_the_first_kilobyte),
        cmocka_unit_test(test_command),
        cmocka_unit_test(test_command_without_its_programs),
        cmocka_unit_test(test_verdict),
        cmocka_unit_test(test_each_file),
        cmocka_unit_test(test_chinese),
        cmocka_unit_test(test_limits_hold),
        cmocka_unit_test(test_sandbox_holds),
        cmocka_unit_test(test_sandbox_hands_nothing_down),
        cmocka_unit_test(test_sandbox_own_failures),
        cmocka_unit_test(test_sandbox_without_filters),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
