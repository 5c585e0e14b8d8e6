/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as text: for each target a heading, what it uses, how many wait, deadlocks, the groups
 * and what was lost.
 *
 *   recommendd · pid 4121 · go1.19.8 · up 3h12m · observed for 1.0s
 *   RSS 1.9 GiB   cgroup 2.1 GiB   CPU 0.4 %   15,318 goroutines   14 threads
 *
 *   14,259 waiters parked for 1s or more, in 9 stacks; 1,012 more are idle by design
 */
#include "monitor/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "human.h"
#include "loss.h"
#include "monitor/page.h"
#include "monitor/text_groups.h"
#include "utf8.h"

#define DEADLOCK_MEMBERS_SHOWN 16

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

void text_heading_write(const struct page *page, const struct target_report *target)
{
    struct line line = {.used = 0};

    line_add(&line, "%s · pid %" PRIu32, target->name, target->pid);
    if (target->runtime_version[0] || target->runtime[0])
        line_add(&line, " · %s",
                 target->runtime_version[0] ? target->runtime_version : target->runtime);
    if (!target->up)
        line_add(&line, " · ended");
    else
        line_add(&line, " · up %s", human_duration(target->uptime_ns).text);
    line_add(&line, " · observed for %s", human_duration(target->observed_ns).text);
    page_style(page, PAGE_BOLD);
    page_line(page, 0, &line);
    page_style(page, PAGE_PLAIN);
}

/* Items side by side, on as many lines as they take. */
struct flow {
    const struct page *page;
    size_t column;
};

static void flow_add(struct flow *flow, const struct line *item)
{
    size_t columns = utf8_columns(item->text);

    if (flow->column > 0 && flow->column + 3 + columns > flow->page->width) {
        putc('\n', flow->page->out);
        flow->column = 0;
    }
    if (flow->column > 0) {
        page_spaces(flow->page, 3);
        flow->column += 3;
    }
    flow->column += page_text(flow->page, flow->page->width, item->text);
}

static void flow_bytes(struct flow *flow, const char *name, uint64_t bytes)
{
    struct line item = {.used = 0};

    if (bytes == WIRE_UNKNOWN)
        return;
    line_add(&item, "%s %s", name, human_bytes(bytes).text);
    flow_add(flow, &item);
}

static void flow_count(struct flow *flow, uint64_t count, const char *noun)
{
    struct line item = {.used = 0};

    line_add(&item, "%s %s%s", human_count(count).text, noun, plural(count));
    flow_add(flow, &item);
}

static void flow_rates(struct flow *flow, const struct target_report *target)
{
    struct line cpu = {.used = 0};
    struct line network = {.used = 0};

    if (target->cpu_ratio >= 0) {
        line_add(&cpu, "CPU %.1f %%", target->cpu_ratio * 100);
        flow_add(flow, &cpu);
    }
    if (target->receive_rate >= 0 && target->transmit_rate >= 0) {
        line_add(&network, "net in %s out %s", human_rate(target->receive_rate).text,
                 human_rate(target->transmit_rate).text);
        flow_add(flow, &network);
    }
}

void text_resources_write(const struct page *page, const struct target_report *target)
{
    const struct wire_resources *resources = &target->resources;
    struct flow flow = {.page = page};

    if (target->has_resources) {
        flow_bytes(&flow, "RSS", resources->resident_bytes);
        if (resources->swap_bytes > 0)
            flow_bytes(&flow, "swap", resources->swap_bytes);
        flow_bytes(&flow, "cgroup", resources->cgroup_usage_bytes);
        flow_rates(&flow, target);
    }
    if (target->scanned && target->scan.has_goroutines)
        flow_count(&flow, report_goroutines(target), "goroutine");
    if (target->scanned)
        flow_count(&flow, report_threads(target), "thread");
    if (target->has_resources && target->resources.open_fds != WIRE_UNKNOWN)
        flow_count(&flow, resources->open_fds, "open file");
    if (flow.column > 0)
        putc('\n', page->out);
}

struct totals {
    uint64_t waiters;
    uint64_t stacks;
    uint64_t idle;
};

static struct totals count_totals(const struct target_report *target)
{
    struct totals totals = {0};

    for (size_t i = 0; i < target->n_groups; i++) {
        if (target->groups[i].idle_rule) {
            totals.idle += target->groups[i].count;
        } else {
            totals.waiters += target->groups[i].count;
            totals.stacks++;
        }
    }
    return totals;
}

static void write_totals(const struct page *page, int64_t threshold_ns,
                         const struct target_report *target)
{
    struct totals totals = count_totals(target);
    struct line line = {.used = 0};

    if (totals.waiters > 0)
        line_add(&line, "%s waiter%s parked", human_count(totals.waiters).text,
                 plural(totals.waiters));
    else
        line_add(&line, threshold_ns > 0 ? "no waiter has been parked" : "no waiter is parked");
    if (threshold_ns > 0)
        line_add(&line, " for %s or more", human_exact(threshold_ns).text);
    if (totals.waiters > 0)
        line_add(&line, ", in %s stack%s", human_count(totals.stacks).text, plural(totals.stacks));
    if (totals.idle > 0)
        line_add(&line,
                 totals.waiters > 0 ? "; %s more %s idle by design" : ", but %s %s idle by design",
                 human_count(totals.idle).text, totals.idle == 1 ? "is" : "are");
    page_line(page, 0, &line);
}

static void write_note(const struct page *page, const struct target_report *target)
{
    struct line line = {.used = 0};

    if (!target->note[0])
        return;
    line_add(&line,
             target->scan.has_goroutines ? "about its goroutines: %s"
                                         : "its goroutines cannot be read: %s",
             target->note);
    page_line(page, 0, &line);
}

void text_state_write(const struct page *page, int64_t threshold_ns,
                      const struct target_report *target)
{
    write_note(page, target);
    if (!target->up && target->scanned)
        fputs("the target has ended; this is its last scan\n", page->out);
    else if (!target->up)
        fputs("the target has ended\n", page->out);
    if (target->scanned)
        write_totals(page, threshold_ns, target);
    else if (target->up)
        fputs("no scan has ended yet\n", page->out);
}

static const char *find_site(const struct target_report *target, uint64_t stack_id)
{
    for (size_t i = 0; i < target->n_groups; i++)
        if (target->groups[i].stack->id == stack_id)
            return target->groups[i].site;
    return NULL;
}

static void write_member(const struct page *page, const struct target_report *target,
                         const struct deadlock_member *member)
{
    const char *site = find_site(target, member->stack_id);
    struct line line = {.used = 0};

    line_add(&line, "thread %" PRIu32 " waits for 0x%" PRIx64 ", held by thread %" PRIu32,
             member->tid, member->address, member->owner_tid);
    if (site)
        line_add(&line, ", in %s", site);
    page_line(page, 4, &line);
}

void text_deadlock_write(const struct page *page, const struct target_report *target,
                         const struct deadlock *deadlock)
{
    size_t shown = deadlock->n_members;

    if (shown > DEADLOCK_MEMBERS_SHOWN)
        shown = DEADLOCK_MEMBERS_SHOWN;
    page_style(page, PAGE_BOLD);
    if (deadlock->n_members == 1)
        fputs("DEADLOCK: a thread waits for a lock that it holds itself", page->out);
    else
        fprintf(page->out, "DEADLOCK: %zu threads wait for each other's locks",
                deadlock->n_members);
    page_style(page, PAGE_PLAIN);
    putc('\n', page->out);
    for (size_t i = 0; i < shown; i++)
        write_member(page, target, &deadlock->members[i]);
    if (shown < deadlock->n_members)
        fprintf(page->out, "    and %zu more\n", deadlock->n_members - shown);
}

void text_losses_write(const struct page *page, const struct losses *losses)
{
    size_t columns = 0;

    for (int i = 0; i < LOSS_MAX; i++)
        if (losses->count[i] > 0 && utf8_columns(human_count(losses->count[i]).text) > columns)
            columns = utf8_columns(human_count(losses->count[i]).text);
    if (columns == 0)
        return;
    fputs("This report is incomplete:\n", page->out);
    for (int i = 0; i < LOSS_MAX; i++) {
        if (losses->count[i] == 0)
            continue;
        page_spaces(page, 4);
        page_right(page, columns, human_count(losses->count[i]).text);
        page_spaces(page, 1);
        page_text(page, page->width - columns - 5, loss_text((enum loss)i));
        putc('\n', page->out);
    }
}

static bool is_complete(const struct losses *losses)
{
    for (int i = 0; i < LOSS_MAX; i++)
        if (losses->count[i] > 0)
            return false;
    return true;
}

static void write_target(const struct page *page, int64_t threshold_ns,
                         const struct target_report *target)
{
    text_heading_write(page, target);
    text_resources_write(page, target);
    putc('\n', page->out);
    text_state_write(page, threshold_ns, target);
    for (size_t i = 0; i < target->n_deadlocks; i++) {
        putc('\n', page->out);
        text_deadlock_write(page, target, &target->deadlocks[i]);
    }
    text_groups_write(page, target);
    if (!is_complete(&target->losses))
        putc('\n', page->out);
    text_losses_write(page, &target->losses);
}

int text_write(const struct report *report, const struct text_options *options, FILE *out)
{
    struct page page = {
        .out = out,
        .width = options->width ? options->width : PAGE_WIDTH_DEFAULT,
        .terminal = options->terminal,
    };

    if (page.width < PAGE_WIDTH_MIN)
        page.width = PAGE_WIDTH_MIN;
    if (page.width > PAGE_WIDTH_MAX)
        page.width = PAGE_WIDTH_MAX;
    for (size_t i = 0; i < report->n_targets; i++) {
        if (i > 0)
            putc('\n', out);
        write_target(&page, report->threshold_ns, &report->targets[i]);
    }
    return ferror(out) ? -EIO : 0;
}
