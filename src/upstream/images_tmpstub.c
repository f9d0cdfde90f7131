#include "upstream/images.h"
#include <string.h>
#include <math.h>
enum err images_init(struct images *i, struct upstream *u, struct image_store *s, const struct images_settings *g, struct error *e){(void)e;memset(i,0,sizeof(*i));i->upstream=u;i->store=s;i->settings=*g;return OK;}
void images_clear(struct images *i){(void)i;}
static enum flow f(struct op *op){return op_fail(op,ERR_UNAVAILABLE,"no pictures yet");}
static const struct step st[]={{"f",f},{0}};
static const struct op_kind k={"img",st,NULL,NULL};
void image_call_start(struct image_call *c, struct op_link l, struct images *i, const struct image_request *r, const struct gate_rank *rank, uint64_t d){(void)rank;(void)d;memset(c,0,sizeof(*c));c->images=i;c->request=*r;op_start(&c->op,&k,l);}
void image_call_clear(struct image_call *c){(void)c;}
double images_estimate_usd(const struct images *i){(void)i;return NAN;}
