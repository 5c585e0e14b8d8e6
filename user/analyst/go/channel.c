/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/channel.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyst/go/arch.h"
#include "human.h"

#define SUDOG_G 0 /* in struct sudog (runtime/runtime2.go), of every version */

/* Offsets in struct hchan (runtime/chan.go) that no version from 1.17 on has moved. */
#define CHANNEL_LENGTH   0
#define CHANNEL_CAPACITY 8
#define CHANNEL_CLOSED   28

#define SUDOG_NEXT 8 /* in struct sudog, in all of these versions */
#define WAITQ_LAST 8 /* in struct waitq */

struct sudog sudog_decode(const struct g_layout *layout, const uint8_t *bytes)
{
    return (struct sudog){
        .g = go_u64(bytes + SUDOG_G),
        .element = go_u64(bytes + layout->sudog_elem),
        .next = go_u64(bytes + layout->sudog_waitlink),
        .behind = go_u64(bytes + SUDOG_NEXT),
        .channel = go_u64(bytes + layout->sudog_channel),
    };
}

static struct waitq waitq_decode(const uint8_t *bytes, uint16_t offset)
{
    struct waitq waitq = {
        .first = go_u64(bytes + offset),
        .last = go_u64(bytes + offset + WAITQ_LAST),
    };

    waitq.more = waitq.first && waitq.first != waitq.last;
    waitq.n = waitq.first ? waitq.more + 1 : 0;
    return waitq;
}

struct channel channel_decode(const struct g_layout *layout, const uint8_t *bytes)
{
    return (struct channel){
        .length = go_u64(bytes + CHANNEL_LENGTH),
        .capacity = go_u64(bytes + CHANNEL_CAPACITY),
        .closed = go_u32(bytes + CHANNEL_CLOSED),
        .receivers = waitq_decode(bytes, layout->channel_recvq),
        .senders = waitq_decode(bytes, layout->channel_sendq),
    };
}

static bool begins_with(const char *text, const char *prefix)
{
    return !strncmp(text, prefix, strlen(prefix));
}

bool channel_is_select(const char *reason)
{
    return begins_with(reason, "select") && strcmp(reason, "select (no cases)");
}

/* "no sender", "14 senders", "1,000 or more senders". */
static void format_waitq(const struct waitq *waitq, const char *noun, char *text, size_t size)
{
    if (!waitq->n)
        snprintf(text, size, "no %s", noun);
    else
        snprintf(text, size, "%s%s %s%s", human_count(waitq->n).text, waitq->more ? " or more" : "",
                 noun, waitq->n > 1 ? "s" : "");
}

/* Those that wait come first. */
static void format_waiters(const struct channel *channel, char *text, size_t size)
{
    char senders[64], receivers[64];
    bool sends = channel->senders.n;

    text[0] = '\0';
    if (!sends && !channel->receivers.n)
        return;
    format_waitq(&channel->senders, "sender", senders, sizeof(senders));
    format_waitq(&channel->receivers, "receiver", receivers, sizeof(receivers));
    snprintf(text, size, ", with %s and %s", sends ? senders : receivers,
             sends ? receivers : senders);
}

static void format_buffer(const struct channel *channel, char *text, size_t size)
{
    if (!channel->capacity)
        snprintf(text, size, "unbuffered");
    else if (!channel->length)
        snprintf(text, size, "buffer empty (0 of %" PRIu64 ")", channel->capacity);
    else if (channel->length == channel->capacity)
        snprintf(text, size, "buffer full (%" PRIu64 ")", channel->capacity);
    else
        snprintf(text, size, "buffered %" PRIu64 " of %" PRIu64, channel->length,
                 channel->capacity);
}

void channel_text(const struct channel *channel, const char *reason, unsigned n_cases,
                  char ret_text[static CHANNEL_TEXT_MAX])
{
    char buffer[64], waiters[144], cases[48] = "";

    if (channel_is_select(reason) && n_cases > 1)
        snprintf(cases, sizeof(cases), "one of %u channels of a select, ", n_cases);
    format_buffer(channel, buffer, sizeof(buffer));
    format_waiters(channel, waiters, sizeof(waiters));
    snprintf(ret_text, CHANNEL_TEXT_MAX, "%s%s, %s%s", cases, buffer,
             channel->closed ? "closed" : "open", waiters);
}
