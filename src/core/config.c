/* The configuration record of src/core/config.h. */
#include "core/config.h"

#include "core/memory.h"

#include <string.h>

bi_config *bi_config_new(void) {
    bi_config *config = bi_alloc(sizeof *config);
    if (!config)
        return NULL;
    config->references = 1;
    config->timeout = 30000;
    config->connect_timeout = 5000;
    config->max_retries = 2;
    config->preflight = true;
    config->max_response_bytes = (size_t)64 << 20;
    return config;
}

bi_config *bi_config_hold(bi_config *config) {
    config->references++;
    return config;
}

void bi_config_release(bi_config *config) {
    if (!config || --config->references > 0)
        return;
    for (size_t i = 0; i < BI_HOSTS; i++)
        bi_free(config->hosts[i]);
    bi_cdn_clear(&config->cdn);
    bi_free(config->user_agent);
    for (void *spare = config->spare_calls, *next; spare; spare = next) {
        memcpy(&next, spare, sizeof next);
        bi_free(spare);
    }
    bi_free(config);
}

const char *bi_config_base(const bi_config *config, bi_host host) {
    static const char *const defaults[BI_HOSTS] = {
        [BI_HOST_API] = "https://api.better-i18n.com",
        [BI_HOST_DASHBOARD] = "https://dash.better-i18n.com",
        [BI_HOST_MCP] = "https://mcp.better-i18n.com/mcp",
        [BI_HOST_CDN] = "https://cdn.better-i18n.com",
    };
    return config->hosts[host] ? config->hosts[host] : defaults[host];
}
