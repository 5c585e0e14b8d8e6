/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations as people write them for Go and Prometheus: "500ms", "1h30m", "1.5s", "7d", "0".
 */
#pragma once

#include <stdint.h>

/* Reads `text` to nanoseconds: one or more decimal numbers, each with a unit (ns, us, µs, ms, s, m,
 * h, and Prometheus' d, w, y of 24 hours, 7 and 365 days), or a bare 0. Anything below a nanosecond
 * is cut off. -EINVAL: not such a text, a negative one included; -ERANGE: more than 292 years. */
int duration_parse(const char *text, int64_t *ret_ns);
