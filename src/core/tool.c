/* The rows behind src/core/tool.h. A new tool of the service is a new row here and nothing else. */
#include "core/tool.h"

#include <string.h>

const bi_tool bi_tools[] = {
    {"listProjects", "projects:read", BI_SAFETY_READ},
    {"getProject", "projects:read", BI_SAFETY_READ},
    {"listKeys", "keys:read", BI_SAFETY_READ},
    {"getTranslations", "translations:read", BI_SAFETY_READ},
    {"createKeys", "keys:write", BI_SAFETY_WRITE},
    {"updateKeys", "translations:write", BI_SAFETY_WRITE},
    {"setTranslations", "translations:write", BI_SAFETY_WRITE},
    {"deleteKeys", "keys:write", BI_SAFETY_WRITE},
    {"getPendingChanges", NULL, BI_SAFETY_READ},
    {"publishTranslations", "translations:publish", BI_SAFETY_WRITE},
    {"getSyncs", NULL, BI_SAFETY_READ},
    {"getSync", NULL, BI_SAFETY_READ},
    {"cancelSync", NULL, BI_SAFETY_WRITE},
    {"proposeLanguages", NULL, BI_SAFETY_WRITE},
    {"proposeLanguageEdits", NULL, BI_SAFETY_WRITE},
    {"getTranslationContext", "projects:read", BI_SAFETY_READ},
};

const size_t bi_tool_count = sizeof bi_tools / sizeof bi_tools[0];

static const char *const scopes[] = {
    "org:read",           "projects:read",        "projects:write",  "keys:read",
    "keys:write",         "translations:read",    "content:read",    "content:write",
    "translations:write", "translations:publish", "content:publish", "glossary:read",
    "glossary:write",
};

const bi_tool *bi_tool_find(const char *name, size_t length) {
    for (size_t i = 0; i < bi_tool_count; i++)
        if (strlen(bi_tools[i].name) == length && memcmp(bi_tools[i].name, name, length) == 0)
            return &bi_tools[i];
    return NULL;
}

const char *bi_scope_named(const char *text, size_t length) {
    for (size_t at = 0; at < length; at++)
        for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++) {
            size_t size = strlen(scopes[i]);
            if (size <= length - at && memcmp(text + at, scopes[i], size) == 0)
                return scopes[i];
        }
    return NULL;
}
