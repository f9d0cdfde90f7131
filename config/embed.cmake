# Writes the files of config/ as C arrays: prompts/NAME.txt as prompt_NAME, schemas/NAME.json as
# schema_NAME, NAME.sql as sql_NAME (include/base/embedded.h).
#
#     cmake -D CONFIG=.../config -D OUTPUT=.../embedded.c -P embed.cmake
#
# Character constants rather than numbers: a char may be signed, and then 0xE2 does not fit.

file(GLOB files ${CONFIG}/prompts/*.txt ${CONFIG}/schemas/*.json
          ${CONFIG}/*.sql)
set(source "/* Made from config/ by config/embed.cmake. */\n#include \"base/embedded.h\"\n")
foreach(file ${files})
  get_filename_component(name ${file} NAME_WE)
  get_filename_component(kind ${file} DIRECTORY)
  get_filename_component(kind ${kind} NAME)
  string(REGEX REPLACE "s$" "" kind ${kind})
  if(file MATCHES "\\.sql$")
    set(kind sql)
  endif()
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${bytes}")
  string(APPEND source "\nconst char ${kind}_${name}[] = {\n${bytes}'\\0'};\n")
endforeach()
file(WRITE ${OUTPUT} "${source}")
