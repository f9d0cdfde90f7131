/* static_routes.h: the pictures of scenes, by name. */
#ifndef API_STATIC_ROUTES_H
#define API_STATIC_ROUTES_H

#include "api/request.h"

/* GET and HEAD /static/images/scenes/{name}: a name stands for the same bytes for ever, so clients
 * may keep what they got and ask for parts of it. */
void handle_scene_picture(struct request *request);

#endif
