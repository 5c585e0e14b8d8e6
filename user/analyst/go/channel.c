/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/channel.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SUDOG_G 0 /* in struct sudog (runtime/runtime2.go), of every version */

/* Offsets in struct hchan (runtime/chan.go) that no version from 1.17 on has moved. */
#define CHANNEL_LENGTH   0
#define CHANNEL_CAPACITY 8
#define CHANNEL_CLOSED   28

static uint64_t word_at(const uint8_t *bytes, uint16_t offset)
{
    uint64_t word;

    memcpy(&word, bytes + offset, sizeof(word));
    return word;
}

struct sudog sudog_decode(const struct g_layout *layout, const uint8_t *bytes)
{
    return (struct sudog){
        .g = word_at(bytes, SUDOG_G),
        .element = word_at(bytes, layout->sudog_elem),
        .next = word_at(bytes, layout->sudog_waitlink),
        .channel = word_at(bytes, layout->sudog_channel),
    };
}

struct channel channel_decode(const struct g_layout *layout, const uint8_t *bytes)
{
    uint32_t closed;

    memcpy(&closed, bytes + CHANNEL_CLOSED, sizeof(closed));
    return (struct channel){
        .length = word_at(bytes, CHANNEL_LENGTH),
        .capacity = word_at(bytes, CHANNEL_CAPACITY),
        .closed = closed,
        .has_receiver = word_at(bytes, layout->channel_recvq),
        .has_sender = word_at(bytes, layout->channel_sendq),
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

static const char *counterpart(const struct channel *channel, const char *reason)
{
    if (begins_with(reason, "chan send") && !channel->has_receiver)
        return ", without a receiver";
    if (begins_with(reason, "chan receive") && !channel->has_sender)
        return ", without a sender";
    return "";
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
    char buffer[64], cases[48] = "";

    if (channel_is_select(reason) && n_cases > 1)
        snprintf(cases, sizeof(cases), "one of %u channels of a select, ", n_cases);
    format_buffer(channel, buffer, sizeof(buffer));
    snprintf(ret_text, CHANNEL_TEXT_MAX, "%s%s, %s%s", cases, buffer,
             channel->closed ? "closed" : "open", counterpart(channel, reason));
}
