/*
 * Each row's type is checked against its field by the compiler: FIELD compares a pointer to the
 * field with one of the type it should have, in a place that is never evaluated.
 */
#include "base/config_table.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/config_refuse.h"

#define KB ((uint64_t)1024)
#define MB (KB * 1024)
#define GB (MB * 1024)

#define FIELD(type, field)                                                                         \
    (offsetof(struct config, field) + 0 * sizeof((type *)NULL == &((struct config *)NULL)->field))

#define STRING(field)       SETTING_STRING, FIELD(const char *, field)
#define SECRET(field)       SETTING_SECRET, FIELD(const char *, field)
#define WORD(field)         SETTING_WORD, FIELD(const char *, field)
#define CHOICE(type, field) SETTING_CHOICE, FIELD(type, field)
#define BOOL(field)         SETTING_BOOL, FIELD(bool, field)
#define INT(field)          SETTING_INT, FIELD(int, field)
#define BYTES(field)        SETTING_BYTES, FIELD(size_t, field)
#define SECONDS(field)      SETTING_SECONDS, FIELD(uint64_t, field)
#define DECIMAL(field)      SETTING_DECIMAL, FIELD(double, field)

enum { SECOND = 1000, HOUR = 3600 * SECOND, DAY = 24 * HOUR };

static const char *const environments[] = {"development", "production", NULL};
static const char *const auth_modes[] = {
    [AUTH_OPTIONAL] = "optional", [AUTH_REQUIRED] = "required", NULL};
static const char *const sandbox_modes[] = {
    [SANDBOX_AUTO] = "auto", [SANDBOX_STRICT] = "strict", NULL};
static const char *const pdf_parsers[] = {
    [PARSER_AUTO] = "auto", [PARSER_LLAMAPARSE] = "llamaparse", [PARSER_LOCAL] = "local", NULL};
static const char *const llamaparse_tiers[] = {"fast", "cost_effective", "agentic", "agentic_plus",
                                               NULL};
static const char *const image_qualities[] = {"auto", "low", "medium", "high", NULL};
static const char *const log_levels[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error", NULL};
static const char *const log_formats[] = {
    [LOG_FORMAT_TEXT] = "text", [LOG_FORMAT_LOGFMT] = "logfmt", [LOG_FORMAT_JSON] = "json", NULL};

const struct setting config_settings[] = {
    {"Listening", "LISTEN_ADDRESS", STRING(listen_address), "127.0.0.1", .allowed = address_allowed,
     .refuse = refuse_address,
     .help = "The address to listen on; 0.0.0.0 or :: for all of the machine's"},
    {"Listening", "PORT", INT(port), "8000", .max = 65535,
     .help = "The TCP port to listen on; 0 takes any free one, which is printed at the start"},
    {"Listening", "ENVIRONMENT", WORD(environment), "development", .choices = environments,
     .help = "In production the start is refused unless SECRET_KEY and AUTH_MODE are set"},

    {"Who may call", "CORS_ORIGINS", STRING(cors_origins),
     "http://localhost:3000,http://localhost:5173", .allowed = origins_allowed,
     .refuse = refuse_origins,
     .help = "The web pages that may call this server from a browser, with credentials"},
    {"Who may call", "SECRET_KEY", SECRET(secret_key), NULL, .allowed = secret_allowed,
     .refuse = refuse_secret,
     .help = "The key that access tokens are signed with (HS256); without it nobody is known"},
    {"Who may call", "AUTH_MODE", CHOICE(enum auth_mode, auth_mode), "optional",
     .choices = auth_modes,
     .help = "Whether an upload needs an access token; required needs SECRET_KEY"},

    {"Limits on a request", "MAX_BODY_BYTES", BYTES(body_bytes_max), "64MB", .min = KB,
     .max = 4 * GB, .help = "The size of a whole request body past which it is refused"},
    {"Limits on a request", "MAX_FILE_BYTES", BYTES(file_bytes_max), "50MB", .min = KB,
     .max = 4 * GB,
     .help = "The size of one uploaded file past which it is refused; at most MAX_BODY_BYTES"},
    {"Limits on a request", "MAX_FILES", INT(files_max), "32", .min = 1, .max = 1000,
     .help = "How many files one request may upload"},
    {"Limits on a request", "MAX_FIELDS", INT(fields_max), "1000", .min = 1, .max = 100000,
     .help = "How many form fields that are not files one request may have"},
    {"Limits on a request", "MAX_FIELD_BYTES", BYTES(field_bytes_max), "1MB", .min = KB,
     .max = 64 * MB, .help = "The size of one form field that is not a file"},
    {"Limits on a request", "MAX_HEADER_BYTES", BYTES(header_bytes_max), "16KB", .min = KB,
     .max = 24 * KB, .help = "The size of a request's header, its first line included"},
    {"Limits on a request", "MAX_CONNECTIONS", INT(connections_max), "8192", .min = 8,
     .max = 1000000,
     .help = "How many clients may be connected; more of them are answered with 503"},
    {"Limits on a request", "IDLE_TIMEOUT", SECONDS(idle_timeout_ms), "30", .min = SECOND,
     .max = HOUR,
     .help = "How long a connection may be open without a byte sent or received, in seconds"},
    {"Limits on a request", "HEADER_TIMEOUT", SECONDS(header_timeout_ms), "20", .min = SECOND,
     .max = HOUR, .help = "How long a client may take to send a request's header, in seconds"},
    {"Limits on a request", "MIN_BODY_RATE", BYTES(body_rate_min), "1KB", .max = 100 * MB,
     .help = "How many bytes of body a client has to send, or of an answer to take, each second"},
    {"Limits on a request", "QUEUE_LIMIT", INT(queue_limit), "256", .min = 1, .max = 100000,
     .help = "How many uploads may be at work or waiting; more of them are answered with 503"},
    {"Limits on a request", "REQUEST_TIMEOUT", SECONDS(request_timeout_ms), "900", .min = SECOND,
     .max = DAY,
     .help = "How long an upload may take from its first byte to its reply, in seconds"},
    {"Limits on a request", "FILE_PROCESSING_TIMEOUT", SECONDS(files_timeout_ms), "300",
     .min = SECOND, .max = DAY,
     .help = "How long all files of an upload may take to be turned into text, in seconds"},

    {"Uploads", "SPOOL_DIR", STRING(spool_dir), "/tmp", .allowed = path_allowed,
     .refuse = refuse_path, .help = "The folder for uploaded files while they are worked on"},
    {"Uploads", "SPOOL_MEMORY", BYTES(spool_memory), "16MB", .min = MB, .max = GB,
     .help = "How much memory all uploads together may hold before they go to SPOOL_DIR"},

    {"Local extraction", "MAX_CONCURRENT_EXTRACT", INT(extract_concurrent), "0", .max = 256,
     .help = "How many files may be turned into text at once; 0 means one for each processor"},
    {"Local extraction", "EXTRACT_CPU_SECONDS", INT(extract_cpu_seconds), "20", .min = 1,
     .max = 3600, .help = "How much processor time one file may take, in seconds"},
    {"Local extraction", "EXTRACT_MEMORY", BYTES(extract_memory), "512MB", .min = 64 * MB,
     .max = 16 * GB, .help = "How much memory the extraction of one file may use"},
    {"Local extraction", "EXTRACT_OUTPUT", BYTES(extract_output), "16MB", .min = 64 * KB,
     .max = 256 * MB, .help = "How much text is taken from one file"},
    {"Local extraction", "EXTRACT_TIMEOUT", SECONDS(extract_timeout_ms), "30", .min = SECOND,
     .max = HOUR, .help = "How long one file may take to be turned into text, in seconds"},
    {"Local extraction", "EXTRACT_SANDBOX", CHOICE(enum sandbox_mode, extract_sandbox), "auto",
     .choices = sandbox_modes,
     .help = "Where the system allows only a part of the sandbox: auto makes do with it, strict "
             "refuses"},

    {"LlamaParse", "LLAMAPARSE_API_KEY", SECRET(llamaparse_api_key), NULL, .allowed = key_allowed,
     .refuse = refuse_key, .help = "The key for LlamaParse; without it files are read here"},
    {"LlamaParse", "PDF_PARSER", CHOICE(enum pdf_parser, pdf_parser), "auto",
     .choices = pdf_parsers,
     .help =
         "Who reads PDF files: auto asks LlamaParse where there is a key, else reads them here"},
    {"LlamaParse", "MAX_CONCURRENT_LLAMAPARSE", INT(llamaparse_concurrent), "3", .min = 1,
     .max = 1000, .help = "How many files may be with LlamaParse at once"},
    {"LlamaParse", "LLAMAPARSE_BASE_URL", STRING(llamaparse_base_url),
     "https://api.cloud.llamaindex.ai", .allowed = url_allowed, .refuse = refuse_url,
     .help = "Where LlamaParse is; https://api.cloud.eu.llamaindex.ai for keys of its European "
             "region"},
    {"LlamaParse", "LLAMAPARSE_API_VERSION", INT(llamaparse_api_version), "1", .min = 1, .max = 2,
     .help = "The version of LlamaParse's API; where 1 is gone, 2 is used by itself"},
    {"LlamaParse", "LLAMAPARSE_TIER", WORD(llamaparse_tier), "cost_effective",
     .choices = llamaparse_tiers,
     .help = "How much work LlamaParse puts into a file; version 2 only"},
    {"LlamaParse", "LLAMAPARSE_CACHE", BOOL(llamaparse_cache), "on",
     .help = "Whether LlamaParse may answer from its cache, which is free for 48 hours"},
    {"LlamaParse", "LLAMAPARSE_POLLS_PER_MINUTE", INT(llamaparse_polls), "0", .max = 100000,
     .help =
         "How often LlamaParse may be asked for the state of its jobs, all together; 0: no limit"},

    {"Models", "OPENAI_API_KEY", SECRET(openai_api_key), NULL, .allowed = key_allowed,
     .refuse = refuse_key,
     .help = "The key for the model and image service; without it the analysis is made offline"},
    {"Models", "OPENAI_BASE_URL", STRING(openai_base_url), "https://api.openai.com/v1",
     .allowed = url_allowed, .refuse = refuse_url,
     .help = "Where the models are: OpenAI, or a server that is compatible with it"},
    {"Models", "ANALYSIS_MODEL", STRING(analysis_models), "gpt-6-luna,gpt-4o",
     .allowed = models_allowed, .refuse = refuse_models,
     .help = "The models for the analysis; the next one is asked where one is not served"},
    {"Models", "SCENES_MODEL", STRING(scenes_models), "gpt-6-luna,gpt-4o",
     .allowed = models_allowed, .refuse = refuse_models, .help = "The models for the scenes"},
    {"Models", "FAST_MODEL", STRING(fast_models), "gpt-6-luna,gpt-4o-mini",
     .allowed = models_allowed, .refuse = refuse_models,
     .help = "The models where an answer has to be there in seconds"},
    {"Models", "MAX_CONCURRENT_OPENAI", INT(openai_concurrent), "2", .min = 1, .max = 1000,
     .help = "How many calls to models may be under way at once"},
    {"Models", "ANALYSIS_TIMEOUT", SECONDS(analysis_timeout_ms), "180", .min = SECOND, .max = DAY,
     .help = "How long the call for an analysis may take, in seconds"},
    {"Models", "SCENES_TIMEOUT", SECONDS(scenes_timeout_ms), "120", .min = SECOND, .max = DAY,
     .help = "How long the call for scenes may take, in seconds"},
    {"Models", "ANALYSIS_INPUT_CHARS", INT(analysis_input_chars), "200000", .min = 1000,
     .max = 500000, .help = "How many characters of an upload's texts go into one prompt"},
    {"Models", "SCENE_COUNT", INT(scene_count), "4", .min = 1, .max = 12,
     .help = "How many scenes a simulation has"},

    {"Pictures", "IMAGES", BOOL(images), "on",
     .help = "Whether scenes get pictures, where OPENAI_API_KEY is set"},
    {"Pictures", "IMAGE_MODEL", STRING(image_models), "gpt-image-2", .allowed = models_allowed,
     .refuse = refuse_models, .help = "The models for the pictures"},
    {"Pictures", "IMAGE_SIZE", STRING(image_size), "1536x1024", .allowed = size_allowed,
     .refuse = refuse_size, .help = "The width and height of pictures, in pixels"},
    {"Pictures", "IMAGE_QUALITY", WORD(image_quality), "low", .choices = image_qualities,
     .help = "How much work goes into a picture"},
    {"Pictures", "MAX_CONCURRENT_IMAGES", INT(images_concurrent), "4", .min = 1, .max = 1000,
     .help = "How many pictures may be in the making at once"},
    {"Pictures", "IMAGE_TIMEOUT", SECONDS(image_timeout_ms), "180", .min = SECOND, .max = DAY,
     .help = "How long the call for a picture may take, in seconds"},
    {"Pictures", "IMAGE_DIR", STRING(image_dir), "images",
     .help = "The folder for pictures; a relative one lies in the working directory"},
    {"Pictures", "IMAGE_DIR_BYTES", BYTES(image_dir_bytes), "1GB", .min = MB, .max = 1024 * GB,
     .help = "How much IMAGE_DIR may hold; then the oldest go that no saved scenario has"},
    {"Pictures", "PUBLIC_URL", STRING(public_url), NULL, .allowed = url_allowed,
     .refuse = refuse_url,
     .help = "What comes before /static/ in pictures' addresses; unset: as the client called us"},

    {"Database", "DATABASE_URL", SECRET(database_url), NULL,
     .allowed = "as in postgresql://user:password@host:5432/name",
     .help = "Where scenarios are saved: all that libpq takes; without it nothing can be saved"},
    {"Database", "DB_POOL_SIZE", INT(db_pool_size), "20", .min = 1, .max = 1000,
     .help = "How many connections to the database are kept open once they were needed"},
    {"Database", "DB_MAX_OVERFLOW", INT(db_max_overflow), "30", .max = 1000,
     .help = "How many more there may be under load"},
    {"Database", "DB_POOL_TIMEOUT", SECONDS(db_pool_timeout_ms), "30", .min = 10, .max = HOUR,
     .help = "How long to wait for a free connection before 503, in seconds"},
    {"Database", "DB_POOL_RECYCLE", SECONDS(db_pool_recycle_ms), "3600", .max = 7 * DAY,
     .help = "The age at which a connection is replaced, in seconds; 0: never"},
    {"Database", "DB_CONNECT_TIMEOUT", SECONDS(db_connect_timeout_ms), "10", .min = 100,
     .max = HOUR, .help = "How long connecting to the database may take, in seconds"},
    {"Database", "DB_STATEMENT_TIMEOUT", SECONDS(db_statement_timeout_ms), "30", .min = 100,
     .max = HOUR, .help = "How long a statement may take at the database, in seconds"},
    {"Database", "DB_CACHE_TTL", SECONDS(db_cache_ttl_ms), "5", .max = HOUR,
     .help = "How long a public scenario may be served as it was read, in seconds; 0: never"},
    {"Database", "DB_CACHE_BYTES", BYTES(db_cache_bytes), "8MB", .min = 64 * KB, .max = GB,
     .help = "How much memory such scenarios may take"},

    {"Costs", "CACHE_BYTES", BYTES(cache_bytes), "64MB", .max = 64 * (size_t)GB,
     .help =
         "How much memory answers that were paid for may take, for 30 minutes; 0: none are kept"},
    {"Costs", "MODEL_PRICES", STRING(model_prices), NULL,
     .allowed = "as in my-model=0.10/0.50, or =in/cached/out, with commas between",
     .help = "What models cost, in USD for 1M tokens; adds to the prices that are built in"},
    {"Costs", "MAX_COST_USD_PER_DAY", DECIMAL(max_cost_usd_per_day), "0", .max = 1000000,
     .help = "How much may be spent a day (UTC); then uploads get 503; 0: no limit"},

    {"Failing services", "BREAKER_FAILURES", INT(breaker_failures), "5", .min = 1, .max = 64,
     .help = "How many calls must have failed before a service is left alone for a while"},
    {"Failing services", "BREAKER_SHARE", INT(breaker_percent), "50", .min = 1, .max = 100,
     .help = "How many of a hundred calls must have failed for that"},
    {"Failing services", "BREAKER_WINDOW", SECONDS(breaker_window_ms), "30", .min = 10, .max = HOUR,
     .help = "How long a failure counts, in seconds"},
    {"Failing services", "BREAKER_OPEN", SECONDS(breaker_open_ms), "30", .min = 10, .max = HOUR,
     .help = "How long a failing service is left alone before one call tries it, in seconds"},
    {"Failing services", "BREAKER_OPEN_FATAL", SECONDS(breaker_fatal_ms), "60", .min = 10,
     .max = HOUR, .help = "The same for one that refuses the key or is out of money, in seconds"},

    {"Operation", "LOG_LEVEL", CHOICE(enum log_level, log_level), "info", .choices = log_levels,
     .help = "The least important kind of event that is logged"},
    {"Operation", "LOG_FORMAT", CHOICE(enum log_format, log_format), "text", .choices = log_formats,
     .help = "How a line of the log is written: for people, as key=value, or as JSON"},
    {"Operation", "SERVER_TIMING", BOOL(server_timing), "on",
     .help = "Whether replies tell in a Server-Timing header how long each stage took"},
    {"Operation", "DRAIN_DELAY", SECONDS(drain_delay_ms), "0", .max = HOUR,
     .help = "How long to go on accepting requests once asked to stop, in seconds"},
    {"Operation", "DRAIN_TIMEOUT", SECONDS(drain_timeout_ms), "300", .max = DAY,
     .help = "How long requests at work may take to finish once asked to stop, in seconds"},
    {.name = NULL},
};

const char *const config_retired_names[] = {
    "ENABLE_PERFORMANCE_MONITORING",
    NULL,
};

/* "a, b or c" */
static void list_choices(const char *const *choices, char *out, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; choices[i]; i++) {
        const char *before = i == 0 ? "" : choices[i + 1] ? ", " : " or ";
        length += (size_t)snprintf(out + length, size - length, "%s%s", before, choices[i]);
    }
}

/* In the largest unit that leaves it whole. */
static void write_size(uint64_t bytes, char out[32])
{
    static const char *const units[] = {"", "KB", "MB", "GB"};
    size_t unit = 0;
    while (bytes > 0 && bytes % 1024 == 0 && unit < 3) {
        bytes /= 1024;
        unit++;
    }
    snprintf(out, 32, "%" PRIu64 "%s", bytes, units[unit]);
}

void setting_allowed(const struct setting *setting, char out[SETTING_ALLOWED_BYTES])
{
    char min[32], max[32];
    switch (setting->type) {
    case SETTING_STRING:
    case SETTING_SECRET:
        snprintf(out, SETTING_ALLOWED_BYTES, "%s", setting->allowed ? setting->allowed : "");
        break;
    case SETTING_WORD:
    case SETTING_CHOICE:
        list_choices(setting->choices, out, SETTING_ALLOWED_BYTES);
        break;
    case SETTING_BOOL:
        snprintf(out, SETTING_ALLOWED_BYTES, "on or off (true, false, yes, no, 1, 0)");
        break;
    case SETTING_INT:
        snprintf(out, SETTING_ALLOWED_BYTES, "a number from %" PRIu64 " to %" PRIu64, setting->min,
                 setting->max);
        break;
    case SETTING_BYTES:
        write_size(setting->min, min);
        write_size(setting->max, max);
        snprintf(out, SETTING_ALLOWED_BYTES, "a size from %s to %s", min, max);
        break;
    case SETTING_DECIMAL:
        snprintf(out, SETTING_ALLOWED_BYTES,
                 "a number from %" PRIu64 " to %" PRIu64 ", also with decimals", setting->min,
                 setting->max);
        break;
    case SETTING_SECONDS:
        snprintf(out, SETTING_ALLOWED_BYTES, "seconds from %g to %g", (double)setting->min / SECOND,
                 (double)setting->max / SECOND);
        break;
    }
}
