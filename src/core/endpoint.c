/* The rows behind src/core/endpoint.h. A new endpoint of the service is a new row here and nothing else. */
#include "core/endpoint.h"

#include <string.h>

const bi_endpoint bi_endpoints[] = {
    {.name = "me", .method = "GET", .path = "/api/oauth-client/me", .token = BI_TOKEN_EITHER},
    {.name = "list_organizations",
     .method = "GET",
     .path = "/api/oauth-client/organizations",
     .token = BI_TOKEN_INSTALLATION,
     .scope = "org:read",
     .list = true,
     .items = "organizations"},
    {.name = "list_projects",
     .method = "GET",
     .path = "/api/oauth-client/organizations/{org_id}/projects",
     .token = BI_TOKEN_INSTALLATION,
     .scope = "projects:read",
     .list = true,
     .items = "projects"},
    {.name = "list_models",
     .method = "GET",
     .path = "/api/oauth-client/organizations/{org_slug}/projects/{project_slug}/models",
     .token = BI_TOKEN_INSTALLATION,
     .scope = "content:read",
     .list = true,
     .items = "models"},
    {.name = "create_project",
     .method = "POST",
     .path = "/api/oauth-client/v1/projects",
     .token = BI_TOKEN_INSTALLATION,
     .scope = "projects:write",
     .safety = BI_SAFETY_WRITE,
     .body = BI_BODY_TABLE,
     .fields = {"name", "slug", "sourceLanguage"}},
    {.name = "get_project",
     .method = "GET",
     .path = "/api/oauth-client/v1/projects/{project_id}",
     .token = BI_TOKEN_INSTALLATION,
     .scope = "projects:read"},
    {.name = "add_language",
     .method = "POST",
     .path = "/api/oauth-client/v1/projects/{project_id}/languages",
     .token = BI_TOKEN_INSTALLATION,
     .scope = "projects:write",
     .safety = BI_SAFETY_WRITE,
     .body = BI_BODY_POSITIONAL,
     .language = true,
     .fields = {"code"}},
    {.name = "revoke",
     .method = "DELETE",
     .path = "/api/oauth-client/installations/{grant_id}",
     .token = BI_TOKEN_ACCESS,
     .ends_grant = true},
    {.name = "get_manifest",
     .method = "GET",
     .host = BI_HOST_CDN,
     .path = "/{org}/{project}/manifest.json"},
    {.name = "get_messages",
     .method = "GET",
     .host = BI_HOST_CDN,
     .path = "/{org}/{project}/{locale}/{namespace}.json",
     .namespaced = true},
    {.name = "token_info",
     .method = "GET",
     .path = "/",
     .token = BI_TOKEN_INSTALLATION,
     .local = true},
};

const size_t bi_endpoint_count = sizeof bi_endpoints / sizeof bi_endpoints[0];

const bi_endpoint bi_endpoint_request = {.name = "request", .token = BI_TOKEN_INSTALLATION};

const bi_endpoint bi_endpoint_mint = {.name = "mint",
                                      .method = "POST",
                                      .path = "/api/oauth-client/installations/{grant_id}/tokens",
                                      .token = BI_TOKEN_ACCESS};

const bi_endpoint bi_endpoint_token = {.name = "exchange",
                                       .method = "POST",
                                       .host = BI_HOST_DASHBOARD,
                                       .path = "/api/auth/mcp/token",
                                       .tokens = true,
                                       .safety = BI_SAFETY_NEVER};

const bi_endpoint bi_endpoint_register = {.name = "register",
                                          .method = "POST",
                                          .path = "/api/auth/mcp/register",
                                          .safety = BI_SAFETY_WRITE};

const bi_endpoint *bi_endpoint_find(const char *name) {
    for (size_t i = 0; i < bi_endpoint_count; i++)
        if (strcmp(bi_endpoints[i].name, name) == 0)
            return &bi_endpoints[i];
    return NULL;
}
