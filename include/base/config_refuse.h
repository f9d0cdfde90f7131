/*
 * config_refuse.h: which strings settings may have. For config_table.c; see config.h.
 *
 * Each function says why a value is refused, mostly in the words of the constant of its name; NULL:
 * it is not. Values are clean UTF-8.
 */
#ifndef BASE_CONFIG_REFUSE_H
#define BASE_CONFIG_REFUSE_H

extern const char address_allowed[];
extern const char origins_allowed[];
extern const char secret_allowed[];
extern const char key_allowed[];
extern const char path_allowed[];
extern const char url_allowed[];
extern const char models_allowed[];
extern const char size_allowed[];

const char *refuse_address(const char *value); /* an IP literal */
const char *refuse_origins(const char *value); /* of web pages, with commas between */
const char *refuse_secret(const char *value);
const char *refuse_key(const char *value); /* it goes into a header */
const char *refuse_path(const char *value);
const char *refuse_url(const char *value); /* of a service */
const char *refuse_models(const char *value);
const char *refuse_size(const char *value); /* of a picture */

#endif
