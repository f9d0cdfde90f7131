/* pdf_routes.h: uploads to personas, and the personas that are there without one. */
#ifndef API_PDF_ROUTES_H
#define API_PDF_ROUTES_H

#include "api/request.h"

/* POST /api/parse-pdf/: the form of router.c, to `{"status","scenario_id","ai_result"}`. */
void handle_parse_pdf(struct request *request);

/* GET /api/get-default-personas/ */
void handle_default_personas(struct request *request);

#endif
