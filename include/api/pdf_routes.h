/* pdf_routes.h: uploads to personas. */
#ifndef API_PDF_ROUTES_H
#define API_PDF_ROUTES_H

#include "api/request.h"

/* POST /api/parse-pdf/: the form of router.c, to `{"scenario_id","status","ai_result"}`. A
 * request that comes again with its Idempotency-Key gets the reply of the first time. */
void handle_parse_pdf(struct request *request);

/* POST /api/parse-pdf-fast-autofill/: `file` alone, to its personas in seconds. */
void handle_fast_autofill(struct request *request);

#endif
