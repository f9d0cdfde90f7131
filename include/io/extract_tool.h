/*
 * extract_tool.h: which program reads which kind of file, and what its end means.
 *
 * PDFs are read by pdftotext, .docx by our own personad-docx, .doc by catdoc or antiword, all of
 * them within personad-sandbox. Nothing here runs a program: that is subprocess.h's.
 *
 *     const enum file_kind kind = file_kind_of(filename, content_type);
 *     const char *argv[EXTRACT_ARGUMENTS_MAX];
 *
 *     extract_tool_sniff(kind, head, head_length, size, &error)       // no process for a wrong
 * file extract_tool_command(kind, &limits, arena, argv, &error) subprocess_start(&child, need(op),
 * &(struct subprocess_options){.argv = argv, ...});
 *     ... // in the next step
 *     extract_tool_verdict(kind, &limits, &child, &error)             // OK: child.output is the
 * text
 *
 * Each failure that is the file's is ERR_UNPROCESSABLE, and its sentence is a clause to stand after
 * "Failed to parse PDF: ".
 */
#ifndef IO_EXTRACT_TOOL_H
#define IO_EXTRACT_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "io/subprocess.h"

enum file_kind {
    FILE_UNKNOWN,
    FILE_PDF,
    FILE_DOCX,
    FILE_DOC,
    FILE_TEXT, /* .txt and .md: decoded by text_decode, without a program */
};

enum {
    EXTRACT_ARGUMENTS_MAX = 24, /* more than any command has, with its NULL */
    EXTRACT_HEAD_BYTES = 1024,  /* of the file's beginning are enough for extract_tool_sniff */
};

struct extract_limits {
    const char *program_dir; /* where personad-sandbox and personad-docx are */
    const char *tool_path;   /* directories of the other programs, with ':' between; NULL: usual */
    int cpu_seconds;
    size_t memory; /* bytes of address space */
    size_t output; /* bytes of text; also for subprocess_options.output_max */
    bool strict;   /* rather no text than a program without a filter of its system calls */
};

/* The content type decides if it is one of ours (its parameters and its case do not matter), since
 * clients rarely send a wrong one; else, as with application/octet-stream or none, the ending of
 * the name. The name also decides between .doc and .docx, as application/msword is sent for both.
 * Either may be NULL. */
enum file_kind file_kind_of(const char *filename, const char *content_type);

/* Looks at the first EXTRACT_HEAD_BYTES of a file of `size` bytes (all of it if it has fewer):
 * whether it is empty, or visibly not what `kind` says. */
MUST_CHECK enum err extract_tool_sniff(enum file_kind kind, const char *head, size_t head_length,
                                       uint64_t size, struct error *error);

/* The command that writes the text of the file on its standard input, which has to be a file that
 * can be read from its start, to its standard output. Not for FILE_UNKNOWN and FILE_TEXT.
 * `argv_out` is EXTRACT_ARGUMENTS_MAX long, with strings in `arena`; the process has to be started
 * by this one, as it dies with it. ERR_UNAVAILABLE where a program is not installed. */
MUST_CHECK enum err extract_tool_command(enum file_kind kind, const struct extract_limits *limits,
                                         struct arena *arena, const char **argv_out,
                                         struct error *error);

/* What it means that the command has ended as `child` says. OK: there is text in its output, more
 * than white space. ERR_UNAVAILABLE: the server's fault, which belongs in the log. */
MUST_CHECK enum err extract_tool_verdict(enum file_kind kind, const struct extract_limits *limits,
                                         const struct subprocess *child, struct error *error);

#endif
