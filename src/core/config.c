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
    config->max_response_bytes = (size_t)64 << 20;
    config->dashboard_url = bi_copy(BI_DASHBOARD_URL, strlen(BI_DASHBOARD_URL));
    config->api_url = bi_copy(BI_API_URL, strlen(BI_API_URL));
    if (config->dashboard_url && config->api_url)
        return config;
    bi_config_release(config);
    return NULL;
}

bi_config *bi_config_hold(bi_config *config) {
    config->references++;
    return config;
}

void bi_config_release(bi_config *config) {
    if (!config || --config->references > 0)
        return;
    bi_free(config->dashboard_url);
    bi_free(config->api_url);
    bi_free(config->user_agent);
    bi_free(config);
}

const char *bi_config_base(const bi_config *config, bi_host host) {
    return host == BI_HOST_DASHBOARD ? config->dashboard_url : config->api_url;
}
