/*
 * fence.h: is the document in a prompt whole between its marks?
 *
 *     <<<DOCUMENT 5f1c...>>> any text at all <<<END DOCUMENT 5f1c...>>>
 *
 * The marks' words are options; the id is 8 to 128 hexadecimal digits.
 */
#ifndef UPSIM_FENCE_H
#define UPSIM_FENCE_H

#include "upsim/options.h"
#include "upsim/stats.h"

/* Looks at what the user's side of a prompt says. FENCE_WHOLE: exactly one opening mark stands
 * outside of fences, and exactly one closing mark with its id follows; `text_out` is what they hold
 * (nothing else touches it). FENCE_SEVERAL: more than one such pair, one after another, the text is
 * the first one's. FENCE_BROKEN: a mark without its other one, or one that comes twice. */
void fence_check(const struct options *options, const char *prompt, size_t length,
                 struct fence_record *out, const char **text_out, size_t *text_length_out);

#endif
