/* config.h on any bytes in the place of a `.env` file. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/config.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer faults, warnings;
    buffer_init(&faults, 32 * 1024);
    buffer_init(&warnings, 1024);
    struct config config = {.port = -1};
    const enum err err =
        config_load_bytes(&config, (const char *)data, size, NULL, &faults, &warnings);
    if (err) {
        assert(err == ERR_RANGE);
        assert(config.port == -1);
        assert(faults.length > 0 && faults.data[faults.length - 1] == '\n');
    } else {
        assert(faults.length == 0);
        assert(config.port >= 0 && config.port <= 65535);
        assert(config.scene_count >= 1 && config.scene_count <= 12);
        assert(config.header_bytes_max >= 1024 && config.header_bytes_max <= 24 * 1024);
        assert(config.file_bytes_max <= config.body_bytes_max);
        assert(config.drain_delay_ms <= 3600 * 1000);
        assert(config.spool_dir[0] == '/');
        assert(!strchr(config.cors_origins, '*'));
        assert(!config.secret_key || strlen(config.secret_key) >= 32);
        config_clear(&config);
    }
    assert(text_is_clean(faults.data, faults.length));
    assert(text_is_clean(warnings.data, warnings.length));
    buffer_clear(&faults);
    buffer_clear(&warnings);
    return 0;
}
