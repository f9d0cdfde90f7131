/* scenario_routes.h: scenarios that were saved, as JSON; see store/scenario_read.h for the shapes.
 */
#ifndef API_SCENARIO_ROUTES_H
#define API_SCENARIO_ROUTES_H

#include "api/request.h"

void handle_scenario_full(struct request *request); /* GET /api/scenarios/{}/full */
void handle_scenario(struct request *request);      /* GET /scenarios/{} */
void handle_scenarios(struct request *request);     /* GET /scenarios?skip=0&limit=20 */
void handle_own_scenarios(struct request *request); /* GET /api/scenarios/ */
void handle_own_drafts(struct request *request);    /* GET /api/scenarios/drafts/ */

#endif
