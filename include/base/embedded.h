/*
 * embedded.h: the files of config/, compiled in (config/embed.cmake): prompts/analysis.txt is
 * prompt_analysis, schemas/analysis.json is schema_analysis, schema.sql is sql_schema.
 * NUL-terminated.
 */
#ifndef BASE_EMBEDDED_H
#define BASE_EMBEDDED_H

extern const char prompt_analysis[];
extern const char prompt_personas[];
extern const char prompt_scenes[];
extern const char prompt_image[];

extern const char schema_analysis[];
extern const char schema_personas[];
extern const char schema_scenes[];

extern const char sql_schema[];

#endif
