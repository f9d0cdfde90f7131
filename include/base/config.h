/*
 * config.h: every setting, read once at the start from the environment and a `.env` file.
 *
 * config_table.c holds one table with each setting's name, type, default, bounds and help; --help,
 * README's table and .env.example are printed from it. The environment wins over `.env`; an empty
 * value counts as unset.
 *
 *     struct config config;
 *     struct buffer faults, warnings; // one line each, all at once
 *     if (config_load(&config, ".env", environ, &faults, &warnings) != OK)
 *         fputs(faults.data, stderr);
 *     ...
 *     config_clear(&config);
 *
 * Sizes take the suffixes KB, MB, GB (powers of 1024); times are decimal seconds, kept in ms.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"

enum sandbox_mode { SANDBOX_AUTO, SANDBOX_STRICT };
enum auth_mode { AUTH_OPTIONAL, AUTH_REQUIRED };
enum pdf_parser { PARSER_AUTO, PARSER_LLAMAPARSE, PARSER_LOCAL };

struct config {
    /* where it listens */
    const char *listen_address; /* LISTEN_ADDRESS 127.0.0.1 */
    int port;                   /* PORT 8000; 0: any free one, printed at the start */
    const char *environment;    /* ENVIRONMENT development | production */

    /* who may call */
    const char *cors_origins; /* CORS_ORIGINS, comma-separated; local ones unless set */
    const char *secret_key; /* SECRET_KEY, secret; NULL: auth is off; else at least 32 characters */
    enum auth_mode auth_mode; /* AUTH_MODE optional | required */

    /* limits on a request */
    size_t body_bytes_max;       /* MAX_BODY_BYTES 64MB */
    size_t file_bytes_max;       /* MAX_FILE_BYTES 50MB */
    int files_max;               /* MAX_FILES 32 */
    int fields_max;              /* MAX_FIELDS 1000 */
    size_t field_bytes_max;      /* MAX_FIELD_BYTES 1MB */
    size_t header_bytes_max;     /* MAX_HEADER_BYTES 16KB; 1KB to 24KB */
    int connections_max;         /* MAX_CONNECTIONS 8192 */
    uint64_t idle_timeout_ms;    /* IDLE_TIMEOUT 30 */
    uint64_t header_timeout_ms;  /* HEADER_TIMEOUT 20 */
    size_t body_rate_min;        /* MIN_BODY_RATE 1KB (a second; after a grace of 10 s) */
    int queue_limit;             /* QUEUE_LIMIT 256: uploads at work before 503 */
    uint64_t request_timeout_ms; /* REQUEST_TIMEOUT 900 */
    uint64_t files_timeout_ms;   /* FILE_PROCESSING_TIMEOUT 300 */

    /* uploads */
    const char *spool_dir; /* SPOOL_DIR /tmp */
    size_t spool_memory;   /* SPOOL_MEMORY 16MB over all requests; 1MB to 1GB */

    /* local extraction */
    int extract_concurrent;            /* MAX_CONCURRENT_EXTRACT 0 = number of processors */
    int extract_cpu_seconds;           /* EXTRACT_CPU_SECONDS 20 */
    size_t extract_memory;             /* EXTRACT_MEMORY 512MB */
    size_t extract_output;             /* EXTRACT_OUTPUT 16MB */
    uint64_t extract_timeout_ms;       /* EXTRACT_TIMEOUT 30 */
    enum sandbox_mode extract_sandbox; /* EXTRACT_SANDBOX auto | strict */

    /* LlamaParse */
    const char *llamaparse_api_key;  /* LLAMAPARSE_API_KEY, secret; NULL: never called */
    enum pdf_parser pdf_parser;      /* PDF_PARSER auto | llamaparse | local */
    int llamaparse_concurrent;       /* MAX_CONCURRENT_LLAMAPARSE 3 */
    const char *llamaparse_base_url; /* LLAMAPARSE_BASE_URL */
    int llamaparse_api_version;      /* LLAMAPARSE_API_VERSION 1 | 2 */
    const char *llamaparse_tier;     /* LLAMAPARSE_TIER cost_effective; of version 2 */
    bool llamaparse_cache;           /* LLAMAPARSE_CACHE on */
    int llamaparse_polls;            /* LLAMAPARSE_POLLS_PER_MINUTE 0 = no limit */

    /* models */
    const char *openai_api_key;   /* OPENAI_API_KEY, secret; NULL: offline */
    const char *openai_base_url;  /* OPENAI_BASE_URL */
    const char *analysis_models;  /* ANALYSIS_MODEL, by preference, with commas between */
    const char *scenes_models;    /* SCENES_MODEL, likewise */
    const char *fast_models;      /* FAST_MODEL, likewise */
    int openai_concurrent;        /* MAX_CONCURRENT_OPENAI 2 */
    uint64_t analysis_timeout_ms; /* ANALYSIS_TIMEOUT 180, from the start of the call */
    uint64_t scenes_timeout_ms;   /* SCENES_TIMEOUT 120 */
    int analysis_input_chars;     /* ANALYSIS_INPUT_CHARS 200000, of all texts in one prompt */
    int scene_count;              /* SCENE_COUNT 4; 1 to 12 */

    /* pictures */
    bool images;               /* IMAGES on */
    const char *image_models;  /* IMAGE_MODEL, by preference, with commas between */
    const char *image_size;    /* IMAGE_SIZE 1536x1024 */
    const char *image_quality; /* IMAGE_QUALITY low */
    int images_concurrent;     /* MAX_CONCURRENT_IMAGES 4 */
    uint64_t image_timeout_ms; /* IMAGE_TIMEOUT 180 */
    const char *image_dir;     /* IMAGE_DIR images */
    size_t image_dir_bytes;    /* IMAGE_DIR_BYTES 1GB */
    const char *public_url;    /* PUBLIC_URL, without / at its end; NULL: as the client called us */

    /* database */
    const char *database_url;         /* DATABASE_URL, secret; NULL: nothing is saved */
    int db_pool_size;                 /* DB_POOL_SIZE 20 */
    int db_max_overflow;              /* DB_MAX_OVERFLOW 30 */
    uint64_t db_pool_timeout_ms;      /* DB_POOL_TIMEOUT 30 */
    uint64_t db_pool_recycle_ms;      /* DB_POOL_RECYCLE 3600; 0: never */
    uint64_t db_connect_timeout_ms;   /* DB_CONNECT_TIMEOUT 10 */
    uint64_t db_statement_timeout_ms; /* DB_STATEMENT_TIMEOUT 30 */
    uint64_t db_cache_ttl_ms;         /* DB_CACHE_TTL 5; 0: public reads are not kept */
    size_t db_cache_bytes;            /* DB_CACHE_BYTES 8MB */

    size_t cache_bytes; /* CACHE_BYTES 64MB: of answers that were paid for; 0: none are kept */

    /* costs */
    const char *model_prices;    /* MODEL_PRICES; NULL: those built in */
    double max_cost_usd_per_day; /* MAX_COST_USD_PER_DAY 0 = no limit */

    /* failing services */
    int breaker_failures;       /* BREAKER_FAILURES 5, and */
    int breaker_percent;        /* BREAKER_SHARE 50 of all, within */
    uint64_t breaker_window_ms; /* BREAKER_WINDOW 30 */
    uint64_t breaker_open_ms;   /* BREAKER_OPEN 30 */
    uint64_t breaker_fatal_ms;  /* BREAKER_OPEN_FATAL 60 */

    /* operation */
    enum log_level log_level;   /* LOG_LEVEL info */
    enum log_format log_format; /* LOG_FORMAT text */
    bool server_timing;         /* SERVER_TIMING on */
    uint64_t drain_delay_ms;    /* DRAIN_DELAY 0 */
    uint64_t drain_timeout_ms;  /* DRAIN_TIMEOUT 300 */

    struct arena arena; /* what the strings live in */
};

/* Reads `.env` at `dotenv_path` and `environment` (either may be NULL, and the file missing),
 * checks everything, and fills `out`. ERR_RANGE: `faults` has a line for each fault, naming the
 * setting, the value (never a secret's) and what is allowed. `warnings` gets a line for each name
 * in `.env` that has no effect, with the nearest known one. Of each at most 50 lines, and what the
 * buffer's maximum leaves room for. */
MUST_CHECK enum err config_load(struct config *out, const char *dotenv_path,
                                char *const *environment, struct buffer *faults,
                                struct buffer *warnings);

/* The same with the bytes of a `.env` file, of at most 64 KB. */
MUST_CHECK enum err config_load_bytes(struct config *out, const char *dotenv, size_t length,
                                      char *const *environment, struct buffer *faults,
                                      struct buffer *warnings);

/* Frees the strings. */
void config_clear(struct config *config);

/* The tables made from the one table: for --help, README.md and .env.example. */
void config_print_help(FILE *file);
void config_print_markdown(FILE *file);
void config_print_dotenv(FILE *file);

#endif
