/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The groups of one target as text.
 */
#pragma once

#include "monitor/page.h"
#include "report.h"

/* The groups that are not idle with their stacks, then those idle by design, a line each; every one
 * after a blank line. */
void text_groups_write(const struct page *page, const struct target_report *target);

/* One group with its stack, idle or not. */
void text_group_write(const struct page *page, const struct group *group);
