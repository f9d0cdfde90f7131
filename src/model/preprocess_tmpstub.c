#include "model/preprocess.h"
#include "base/text.h"
enum err preprocess(const char *t, size_t n, const atomic_bool *c, struct buffer *out){(void)c; return buffer_append(out,t,n);}
size_t preprocess_cut(const char *t, size_t n, size_t m){return text_cut_characters(t,n,m);}
