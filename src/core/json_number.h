/* Numbers of JSON text. Called by src/core/json.c only. */
#ifndef BI_CORE_JSON_NUMBER_H
#define BI_CORE_JSON_NUMBER_H

#include "core/json.h"

/* Reads the number at json->at (which holds '-' or a digit) and passes over it: INTEGER, NUMBER or,
 * with json->failure set, FAILED. Never looks at the locale. */
bi_json_event bi_json_read_number(bi_json *json);

#endif
