#include "common/json/json.h"

PARALLELRUN_JSON_TEMPLATES()
