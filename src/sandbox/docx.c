/*
 * personad-docx: the text of a Word document on standard input, as UTF-8 on standard output.
 *
 *     personad-docx [--max BYTES] <case.docx >case.txt
 *
 * A .docx file is a zip with XML in it; all the text proper is in word/document.xml. Paragraphs
 * come out as lines with an empty one between, cells of a table separated by tabs, rows by line
 * ends; what the author deleted with changes tracked is left out. Standard input has to be a file.
 *
 * The file comes from anybody, so the program is to be run in personad-sandbox. It still limits
 * itself, to fail early and with a reason: a document may inflate to a thousand times its size, and
 * XML may define entities in terms of each other. Word writes no document type, so one is refused.
 *
 * Exit status, with a reason on standard error: see enum status.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <expat.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum status {
    STATUS_OK = 0,
    STATUS_OTHER = 2,     /* no zip, or one without a Word document in it */
    STATUS_BROKEN = 3,    /* a zip or XML that cannot be read */
    STATUS_LIMIT = 4,     /* more of something than stated below */
    STATUS_ENCRYPTED = 5, /* needs a password; or the old .doc format, which looks the same */
    STATUS_SETUP = 125,   /* a wrong command line, or nowhere to write to */
};

enum {
    ENTRIES_MAX = 10000,      /* in the zip; Word writes about 15, and one for each picture */
    XML_BYTES_MAX = 64 << 20, /* of document.xml; a 1,000-page book takes about 15 MB */
    DEPTH_MAX = 256,          /* of elements; tables within tables reach about 50 */
    TEXT_BYTES_MAX = 16 << 20,
    BLOCK_BYTES = 64 << 10,
};

/* What an element means to us. */
enum element {
    OTHER,
    PARAGRAPH,
    RUN,
    TEXT,
    TAB,
    BREAK,
    HYPHEN,
    TABLE,
    ROW,
    CELL,
    SKIPPED, /* with all that is in it */
};

#define WORD          "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
#define WORD_STRICT   "http://purl.oclc.org/ooxml/wordprocessingml/main"
#define COMPATIBILITY "http://schemas.openxmlformats.org/markup-compatibility/2006"

enum { SEPARATOR = '\n' }; /* between namespace and name, as expat hands them over */

static const struct {
    const char *name;
    enum element element;
} word_elements[] = {
    {"p", PARAGRAPH},      {"r", RUN},    {"t", TEXT},      {"tab", TAB},
    {"ptab", TAB},         {"br", BREAK}, {"cr", BREAK},    {"tbl", TABLE},
    {"tr", ROW},           {"tc", CELL},  {"del", SKIPPED}, {"noBreakHyphen", HYPHEN},
    {"moveFrom", SKIPPED},
};

struct reading {
    XML_Parser parser;
    enum status status;      /* why it was stopped */
    const char *reason;      /* the same in words */
    size_t depth;            /* open elements */
    size_t skipped_at;       /* depth of the element being skipped; 0: none */
    size_t tables;           /* open tables */
    size_t cells[DEPTH_MAX]; /* so far in the open row of each open table */
    bool space_due;          /* a paragraph of a cell has ended; another may follow */
    size_t written, max;     /* bytes of text */
    enum element open[DEPTH_MAX];
};

static void stop(struct reading *reading, enum status status, const char *reason)
{
    if (reading->status != STATUS_OK)
        return;
    reading->status = status;
    reading->reason = reason;
    XML_StopParser(reading->parser, XML_FALSE);
}

static void put(struct reading *reading, const char *text, size_t length)
{
    if (reading->status != STATUS_OK)
        return;
    if (length > reading->max - reading->written) {
        stop(reading, STATUS_LIMIT, "more text than allowed");
        return;
    }
    reading->written += length;
    fwrite(text, 1, length, stdout);
}

static void put_char(struct reading *reading, char c)
{
    put(reading, &c, 1);
}

static enum element element_of(const char *qualified)
{
    const char *name = strrchr(qualified, SEPARATOR);
    if (!name)
        return OTHER;
    const size_t length = (size_t)(name++ - qualified);

#define IN(namespace) (length == strlen(namespace) && memcmp(qualified, namespace, length) == 0)
    /* The same text box a second time, for readers that do not know the first form. */
    if (IN(COMPATIBILITY))
        return strcmp(name, "Fallback") == 0 ? SKIPPED : OTHER;
    if (!IN(WORD) && !IN(WORD_STRICT))
        return OTHER;
#undef IN
    for (size_t i = 0; i < sizeof(word_elements) / sizeof(word_elements[0]); i++)
        if (strcmp(name, word_elements[i].name) == 0)
            return word_elements[i].element;
    return OTHER;
}

static void XMLCALL on_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *reading = data;
    (void)attributes;

    if (reading->status != STATUS_OK)
        return;
    if (reading->depth == DEPTH_MAX) {
        stop(reading, STATUS_LIMIT, "elements nested too deep");
        return;
    }
    const enum element element = element_of(name);
    const bool in_run = reading->depth > 0 && reading->open[reading->depth - 1] == RUN;
    reading->open[reading->depth++] = element;
    if (reading->skipped_at)
        return;

    if (element == SKIPPED)
        reading->skipped_at = reading->depth;
    else if (element == TAB && in_run) /* elsewhere it defines where tabs stop */
        put_char(reading, '\t');
    else if (element == BREAK && in_run)
        put_char(reading, '\n');
    else if (element == HYPHEN && in_run)
        put_char(reading, '-');
    else if (element == TABLE)
        reading->cells[reading->tables++] = 0;
    else if (element == CELL && reading->tables > 0 && reading->cells[reading->tables - 1]++ > 0)
        put_char(reading, '\t');
}

static void XMLCALL on_text(void *data, const XML_Char *text, int length)
{
    struct reading *reading = data;

    if (reading->skipped_at || reading->depth == 0 || reading->open[reading->depth - 1] != TEXT)
        return;
    if (reading->space_due)
        put_char(reading, ' ');
    reading->space_due = false;
    put(reading, text, (size_t)length);
}

static void XMLCALL on_end(void *data, const XML_Char *name)
{
    struct reading *reading = data;
    (void)name;

    if (reading->status != STATUS_OK)
        return;
    const enum element element = reading->open[--reading->depth];
    if (reading->skipped_at) {
        if (reading->skipped_at == reading->depth + 1)
            reading->skipped_at = 0;
        return;
    }

    if (element == PARAGRAPH && reading->tables > 0)
        reading->space_due = true;
    else if (element == PARAGRAPH)
        put(reading, "\n\n", 2);
    else if (element == CELL)
        reading->space_due = false;
    else if (element == ROW && reading->tables > 0) {
        put_char(reading, '\n');
        reading->cells[reading->tables - 1] = 0;
    } else if (element == TABLE) {
        reading->tables--;
        put_char(reading, '\n');
    }
}

static void XMLCALL on_doctype(void *data, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public, int has_internal)
{
    (void)name, (void)system, (void)public, (void)has_internal;
    stop(data, STATUS_BROKEN, "it declares a document type");
}

/* The open entry of the zip, through the parser. */
static void parse_entry(struct archive *archive, struct reading *reading)
{
    static char block[BLOCK_BYTES];
    size_t total = 0;
    ssize_t length;

    do {
        length = archive_read_data(archive, block, sizeof(block));
        if (length < 0) {
            stop(reading, STATUS_BROKEN, "the zip is damaged");
            return;
        }
        total += (size_t)length;
        if (total > XML_BYTES_MAX) {
            stop(reading, STATUS_LIMIT, "word/document.xml is too large");
            return;
        }
        if (XML_Parse(reading->parser, block, (int)length, length == 0) != XML_STATUS_OK) {
            stop(reading, STATUS_BROKEN, XML_ErrorString(XML_GetErrorCode(reading->parser)));
            return;
        }
    } while (length > 0);
}

/* word/document.xml, or word/document2.xml and so on, as some editions of Word name it. */
static bool is_document(const char *path)
{
    static const char start[] = "word/document";

    if (!path || strncmp(path, start, sizeof(start) - 1) != 0)
        return false;
    path += sizeof(start) - 1;
    return strcmp(path + strspn(path, "0123456789"), ".xml") == 0;
}

/* Goes to the document in the zip. */
static enum status find_document(struct archive *archive, const char **reason)
{
    for (int i = 0; i < ENTRIES_MAX; i++) {
        struct archive_entry *entry;
        const int result = archive_read_next_header(archive, &entry);

        if (result == ARCHIVE_EOF) {
            *reason = "no word/document.xml in the zip";
            return STATUS_OTHER;
        }
        if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
            *reason = "the zip is damaged";
            return STATUS_BROKEN;
        }
        if (is_document(archive_entry_pathname(entry))) {
            *reason = "the zip is encrypted";
            return archive_entry_is_encrypted(entry) ? STATUS_ENCRYPTED : STATUS_OK;
        }
    }
    *reason = "too many entries in the zip";
    return STATUS_LIMIT;
}

static enum status read_document(struct archive *archive, size_t max, const char **reason)
{
    const enum status found = find_document(archive, reason);
    if (found != STATUS_OK)
        return found;

    struct reading reading = {.parser = XML_ParserCreateNS(NULL, SEPARATOR), .max = max};
    if (!reading.parser) {
        *reason = "out of memory";
        return STATUS_LIMIT;
    }
    XML_SetUserData(reading.parser, &reading);
    XML_SetElementHandler(reading.parser, on_start, on_end);
    XML_SetCharacterDataHandler(reading.parser, on_text);
    XML_SetStartDoctypeDeclHandler(reading.parser, on_doctype);
    parse_entry(archive, &reading);
    XML_ParserFree(reading.parser);
    *reason = reading.reason;
    return reading.status;
}

/* What the first bytes tell, before the zip reader is let loose. */
static enum status look_at_start(const char **reason)
{
    static const char zip[] = {'P', 'K', 3, 4};
    static const unsigned char ole2[] = {0xD0, 0xCF, 0x11, 0xE0};
    char head[4];

    const ssize_t length = pread(STDIN_FILENO, head, sizeof(head), 0);
    if (length == sizeof(head) && memcmp(head, ole2, sizeof(ole2)) == 0) {
        *reason = "encrypted, or in the old .doc format";
        return STATUS_ENCRYPTED;
    }
    *reason = "not a zip";
    return length == sizeof(head) && memcmp(head, zip, sizeof(zip)) == 0 ? STATUS_OK : STATUS_OTHER;
}

static enum status convert(size_t max, const char **reason)
{
    enum status status = look_at_start(reason);
    if (status != STATUS_OK)
        return status;

    struct archive *archive = archive_read_new();
    if (!archive) {
        *reason = "out of memory";
        return STATUS_LIMIT;
    }
    archive_read_support_format_zip_seekable(archive);
    if (archive_read_open_fd(archive, STDIN_FILENO, BLOCK_BYTES) == ARCHIVE_OK) {
        status = read_document(archive, max, reason);
    } else {
        *reason = "the zip is damaged";
        status = STATUS_BROKEN;
    }
    archive_read_free(archive);
    return status;
}

/* The one option, or its default. False for a wrong command line. */
static bool max_of(int argc, char **argv, size_t *out)
{
    char *end;

    if (argc == 1) {
        *out = TEXT_BYTES_MAX;
        return true;
    }
    if (argc != 3 || strcmp(argv[1], "--max") != 0 || argv[2][0] < '0' || argv[2][0] > '9')
        return false;
    errno = 0;
    *out = strtoull(argv[2], &end, 10);
    return *end == '\0' && errno == 0;
}

int main(int argc, char **argv)
{
    size_t max;

    if (!max_of(argc, argv, &max)) {
        fputs("usage: personad-docx [--max BYTES] <FILE\n", stderr);
        return STATUS_SETUP;
    }
    const char *reason = NULL;
    enum status status = convert(max, &reason);
    if (fflush(stdout) != 0 && status == STATUS_OK) {
        status = STATUS_SETUP;
        reason = "cannot write to standard output";
    }
    if (status != STATUS_OK)
        fprintf(stderr, "personad-docx: %s\n", reason);
    return status;
}
