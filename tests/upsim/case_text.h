/*
 * case_text.h: the business case that a file turns out to hold: some 2,500 words of Markdown with
 * six people and three organisations. The same seed always gives the same text.
 */
#ifndef UPSIM_CASE_TEXT_H
#define UPSIM_CASE_TEXT_H

#include "base/buffer.h"

void case_text_append(struct buffer *out, const unsigned char seed[32]);

#endif
