/*
 * fence.h: marks between which a document stands in a prompt, and which no document can foresee.
 *
 *     <<<DOCUMENT 0f3c...>>>
 *     the text, as it is
 *     <<<END DOCUMENT 0f3c...>>>
 *
 * The prompt tells the model that what stands between the marks is data. An instruction in a
 * document can only pretend to stand outside if it closes the fence first, for which its author
 * would have to know the mark: that is an HMAC-SHA-256 under a secret made at the start of the
 * process, of all documents of the prompt and the place of this one among them. So a mark that was
 * seen once, with one set of documents, is of no use in any other; and equal documents give equal
 * prompts.
 *
 *     struct fence fence;
 *     fence_init(&fence);                              // once
 *     char marks[2][FENCE_MARK_BYTES + 1];
 *     fence_marks(&fence, texts, 2, marks);
 *     buffer_printf(&out, FENCE_BEGIN "%s" FENCE_END, marks[0], text, marks[0]);
 */
#ifndef UPSTREAM_FENCE_H
#define UPSTREAM_FENCE_H

#include <stddef.h>

#include "base/text.h"

#define FENCE_BEGIN "<<<DOCUMENT %s>>>\n"
#define FENCE_END   "\n<<<END DOCUMENT %s>>>"

enum {
    FENCE_SECRET_BYTES = 32,
    FENCE_MARK_BYTES = 32, /* hexadecimal digits: 128 bits, beyond all guessing */
};

struct fence {
    unsigned char secret[FENCE_SECRET_BYTES];
};

/* Makes the secret. Aborts where the system has no random numbers. */
void fence_init(struct fence *fence);

/* The marks for a prompt that has these documents, in this order, each with its NUL. They differ,
 * and none occurs in any of the documents, but by a guess of 128 bits. */
void fence_marks(const struct fence *fence, const struct slice *texts, size_t count,
                 char out[][FENCE_MARK_BYTES + 1]);

#endif
