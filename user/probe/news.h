/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader says, checked: it looks at hostile processes, and may be one of them by now. */
#pragma once

#include <stdbool.h>

#include "probe/reader.h"

/* Whether the type is one, and what comes with it is within bounds: texts end, numbers count what
 * there is, an error is one. Whose it says that it is is no matter: who hears it knows. */
bool news_is_sound(const struct reader_news *news);
