/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor's end of an analyst's socket: takes all messages that were written so far, and keeps
 * strings, stacks and samples as the monitor would. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire.h"

#define MAILBOX_STRINGS_MAX 1024
#define MAILBOX_STACKS_MAX  64
#define MAILBOX_SAMPLES_MAX 2048
#define MAILBOX_BYTES_MAX   (1 << 20)

struct mailbox_stack {
    struct wire_stack head;
    struct wire_frame frames[STACK_FRAMES_MAX + 1]; /* and behind the last one the labels */
};

struct mailbox {
    int sockets[2]; /* the analyst's end, the monitor's */
    size_t n_strings;
    char *strings[MAILBOX_STRINGS_MAX + 1]; /* by id */
    size_t n_stacks;
    struct mailbox_stack stacks[MAILBOX_STACKS_MAX];
    size_t n_samples; /* that stand */
    struct sample samples[MAILBOX_SAMPLES_MAX];
    struct wire_scan scan; /* the last */
    uint64_t look_ns;      /* likewise */

    /* Of the last mailbox_collect() only. */
    size_t n_messages;
    uint32_t order[MAILBOX_SAMPLES_MAX]; /* types of messages */
    size_t n_puts, n_drops, n_scans;
    size_t n_bytes;
    char bytes[MAILBOX_BYTES_MAX];
};

static inline struct mailbox *mailbox_new(void)
{
    struct mailbox *mailbox = calloc(1, sizeof(*mailbox));

    assert_non_null(mailbox);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, mailbox->sockets), 0);
    return mailbox;
}

static inline void mailbox_free(struct mailbox *mailbox)
{
    close(mailbox->sockets[0]);
    close(mailbox->sockets[1]);
    for (size_t i = 0; i <= mailbox->n_strings; i++)
        free(mailbox->strings[i]);
    free(mailbox);
}

static inline struct sample *mailbox_sample(struct mailbox *mailbox, uint64_t id)
{
    for (size_t i = 0; i < mailbox->n_samples; i++)
        if (mailbox->samples[i].id == id)
            return &mailbox->samples[i];
    return NULL;
}

static inline const struct mailbox_stack *mailbox_stack(const struct mailbox *mailbox, uint64_t id)
{
    for (size_t i = 0; i < mailbox->n_stacks; i++)
        if (mailbox->stacks[i].head.id == id)
            return &mailbox->stacks[i];
    return NULL;
}

static inline void mailbox_take_string(struct mailbox *mailbox, const char *payload, size_t length)
{
    uint32_t id;

    assert_true(length >= sizeof(id));
    memcpy(&id, payload, sizeof(id));
    assert_int_equal(id, mailbox->n_strings + 1);
    assert_true(id <= MAILBOX_STRINGS_MAX);
    mailbox->strings[id] = strndup(payload + sizeof(id), length - sizeof(id));
    mailbox->n_strings = id;
}

static inline void mailbox_take_stack(struct mailbox *mailbox, const char *payload, size_t length)
{
    struct mailbox_stack *stack = &mailbox->stacks[mailbox->n_stacks++];
    size_t n_frames;

    assert_true(mailbox->n_stacks <= MAILBOX_STACKS_MAX);
    assert_true(length >= sizeof(stack->head) && length <= sizeof(*stack));
    memcpy(stack, payload, length);
    n_frames = stack->head.n_frames + stack->head.has_creator;
    assert_int_equal(length, sizeof(stack->head) + n_frames * sizeof(stack->frames[0]) +
                                 stack->head.n_labels * sizeof(struct wire_label));
    /* All that it names was sent before. */
    assert_true(stack->head.reason <= mailbox->n_strings);
    for (size_t i = 0; i < n_frames; i++)
        assert_true(stack->frames[i].function <= mailbox->n_strings &&
                    stack->frames[i].file <= mailbox->n_strings &&
                    stack->frames[i].module <= mailbox->n_strings);
}

static inline void mailbox_take_put(struct mailbox *mailbox, const char *payload, size_t length)
{
    struct sample sample, *standing;

    assert_int_equal(length % sizeof(sample), 0);
    for (size_t at = 0; at < length; at += sizeof(sample)) {
        memcpy(&sample, payload + at, sizeof(sample));
        standing = mailbox_sample(mailbox, sample.id);
        if (!standing) {
            assert_true(mailbox->n_samples < MAILBOX_SAMPLES_MAX);
            standing = &mailbox->samples[mailbox->n_samples++];
        }
        *standing = sample;
        mailbox->n_puts++;
    }
}

static inline void mailbox_take_drop(struct mailbox *mailbox, const char *payload, size_t length)
{
    struct wire_key key;

    assert_int_equal(length % sizeof(key), 0);
    for (size_t at = 0; at < length; at += sizeof(key)) {
        struct sample *standing;

        memcpy(&key, payload + at, sizeof(key));
        standing = mailbox_sample(mailbox, key.id);
        assert_non_null(standing); /* nothing is dropped that does not stand */
        assert_int_equal(standing->kind, key.kind);
        *standing = mailbox->samples[--mailbox->n_samples];
        mailbox->n_drops++;
    }
}

static inline void mailbox_take(struct mailbox *mailbox, const struct wire_header *header,
                                const char *payload)
{
    assert_true(mailbox->n_messages < MAILBOX_SAMPLES_MAX);
    mailbox->order[mailbox->n_messages++] = header->type;
    switch (header->type) {
    case WIRE_STRING:
        mailbox_take_string(mailbox, payload, header->length);
        break;
    case WIRE_STACK:
        mailbox_take_stack(mailbox, payload, header->length);
        break;
    case WIRE_PUT:
        mailbox_take_put(mailbox, payload, header->length);
        break;
    case WIRE_DROP:
        mailbox_take_drop(mailbox, payload, header->length);
        break;
    case WIRE_LOOK:
        assert_int_equal(header->length, sizeof(mailbox->look_ns));
        memcpy(&mailbox->look_ns, payload, sizeof(mailbox->look_ns));
        break;
    case WIRE_SCAN:
        assert_int_equal(header->length, sizeof(mailbox->scan));
        memcpy(&mailbox->scan, payload, sizeof(mailbox->scan));
        mailbox->n_scans++;
        break;
    default:
        fail_msg("message of type %u", header->type);
    }
}

static inline void mailbox_collect(struct mailbox *mailbox)
{
    struct wire_header header;
    ssize_t n = 1;

    mailbox->n_messages = mailbox->n_puts = mailbox->n_drops = mailbox->n_scans = 0;
    for (mailbox->n_bytes = 0; n > 0; mailbox->n_bytes += n > 0 ? (size_t)n : 0)
        n = recv(mailbox->sockets[1], mailbox->bytes + mailbox->n_bytes,
                 MAILBOX_BYTES_MAX - mailbox->n_bytes, MSG_DONTWAIT);
    for (size_t at = 0; at < mailbox->n_bytes; at += header.length) {
        assert_true(at + sizeof(header) <= mailbox->n_bytes);
        memcpy(&header, mailbox->bytes + at, sizeof(header));
        at += sizeof(header);
        assert_true(at + header.length <= mailbox->n_bytes);
        assert_true(header.length <= WIRE_PAYLOAD_MAX);
        mailbox_take(mailbox, &header, mailbox->bytes + at);
    }
}
