/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "hash.h"
#include "table.h"

#define BUFFER_SIZE (64 * 1024)

struct interned {
    struct table_key key;
    uint32_t number;
};

struct sent_stack {
    uint64_t id;
};

struct outbox {
    int socket;
    int error; /* of the first failed write */
    bool full;
    struct losses *losses;
    struct table strings;
    struct table stacks;
    size_t n_bytes;  /* of all strings */
    size_t n_frames; /* of all stacks */
    size_t used;
    size_t last; /* where the last message begins in the buffer; `used`: none */
    char buffer[BUFFER_SIZE];
};

static struct table_key interned_key(const void *element)
{
    return ((const struct interned *)element)->key;
}

static struct table_key stack_key(const void *element)
{
    return (struct table_key){.low = ((const struct sent_stack *)element)->id};
}

static const struct table_type strings_type = {sizeof(struct interned), WIRE_STRINGS_MAX,
                                               interned_key};
static const struct table_type stacks_type = {sizeof(struct sent_stack), WIRE_STACKS_MAX,
                                              stack_key};

int outbox_new(int socket, struct losses *losses, struct outbox **ret_outbox)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));

    if (!outbox)
        return -ENOMEM;
    outbox->socket = socket;
    outbox->losses = losses;
    table_init(&outbox->strings, &strings_type);
    table_init(&outbox->stacks, &stacks_type);
    *ret_outbox = outbox;
    return 0;
}

void outbox_free(struct outbox **outbox)
{
    if (!*outbox)
        return;
    table_clear(&(*outbox)->strings);
    table_clear(&(*outbox)->stacks);
    free(*outbox);
    *outbox = NULL;
}

static void flush(struct outbox *outbox)
{
    size_t at = 0;

    while (at < outbox->used && !outbox->error) {
        ssize_t n = send(outbox->socket, outbox->buffer + at, outbox->used - at, MSG_NOSIGNAL);

        if (n >= 0)
            at += n;
        else if (errno != EINTR)
            outbox->error = -errno;
    }
    outbox->used = 0;
    outbox->last = 0;
}

/* Room for a message of that type and payload; the payload's place. */
static void *append(struct outbox *outbox, enum wire_type type, size_t length)
{
    struct wire_header header = {.type = type, .length = length};

    if (outbox->used + sizeof(header) + length > sizeof(outbox->buffer))
        flush(outbox);
    outbox->last = outbox->used;
    memcpy(outbox->buffer + outbox->used, &header, sizeof(header));
    outbox->used += sizeof(header) + length;
    return outbox->buffer + outbox->used - length;
}

/* Room for one more element of a message that is a list: behind the last one, if it is of its type.
 */
static void *append_element(struct outbox *outbox, enum wire_type type, size_t size)
{
    struct wire_header header;

    if (outbox->used && outbox->used + size <= sizeof(outbox->buffer)) {
        memcpy(&header, outbox->buffer + outbox->last, sizeof(header));
        if (header.type == type) {
            header.length += size;
            memcpy(outbox->buffer + outbox->last, &header, sizeof(header));
            outbox->used += size;
            return outbox->buffer + outbox->used - size;
        }
    }
    return append(outbox, type, size);
}

static void send_string(struct outbox *outbox, uint32_t number, const char *text, size_t length)
{
    char *at = append(outbox, WIRE_STRING, sizeof(number) + length);

    memcpy(at, &number, sizeof(number));
    memcpy(at + sizeof(number), text, length);
}

uint32_t outbox_string(struct outbox *outbox, const char *text)
{
    size_t length = text ? strnlen(text, WIRE_STRING_MAX) : 0;
    struct interned new = {.number = outbox->strings.n + 1};
    const struct interned *known;

    if (!text)
        return 0;
    new.key.low = hash_bytes(HASH_START, text, length);
    new.key.high = hash_bytes(hash_u64(~HASH_START, length), text, length);
    known = table_find(&outbox->strings, new.key);
    if (known)
        return known->number;
    /* The monitor's bounds, too: it would leave out what is beyond them for as long as it has this
     * analyst. */
    if (outbox->n_bytes + length + 1 > WIRE_TEXT_MAX || table_add(&outbox->strings, &new, NULL)) {
        outbox->losses->count[LOSS_strings_capped]++;
        outbox->full = true;
        return 0;
    }
    outbox->n_bytes += length + 1;
    send_string(outbox, new.number, text, length);
    return new.number;
}

static struct wire_frame wire_frame(struct outbox *outbox, const struct frame *frame)
{
    return (struct wire_frame){
        .address = frame->address,
        .offset = frame->offset,
        .function = outbox_string(outbox, frame->function),
        .file = outbox_string(outbox, frame->file),
        .module = outbox_string(outbox, frame->module),
        .line = frame->line,
        .inlined = frame->inlined,
        .build_id = outbox_string(outbox, frame->build_id),
    };
}

static void name_labels(struct outbox *outbox, const struct stack *stack,
                        struct wire_label ret_labels[static STACK_LABELS_MAX])
{
    for (uint32_t i = 0; i < stack->n_labels; i++)
        ret_labels[i] = (struct wire_label){outbox_string(outbox, stack->labels[i].key),
                                            outbox_string(outbox, stack->labels[i].value)};
}

int outbox_stack(struct outbox *outbox, const struct stack *stack)
{
    struct sent_stack new = {.id = stack->id};
    struct wire_frame frames[STACK_FRAMES_MAX + 1];
    struct wire_label labels[STACK_LABELS_MAX];
    struct wire_stack head = {
        .id = stack->id,
        .kind = stack->kind,
        .n_frames = stack->n_frames,
        .site = stack->site,
        .has_creator = stack->creator != NULL,
        .n_labels = stack->n_labels,
    };
    size_t n_new = stack->n_frames + head.has_creator, n = 0;
    char *at;

    if (table_find(&outbox->stacks, stack_key(&new)))
        return 0;
    if (outbox->n_frames + n_new > WIRE_FRAMES_MAX || table_add(&outbox->stacks, &new, NULL)) {
        outbox->losses->count[LOSS_stacks_capped]++;
        outbox->full = true;
        return -ENOSPC;
    }
    outbox->n_frames += n_new;
    /* The names first: they are messages of their own. */
    head.reason = outbox_string(outbox, stack->reason);
    for (; n < stack->n_frames; n++)
        frames[n] = wire_frame(outbox, &stack->frames[n]);
    if (stack->creator)
        frames[n++] = wire_frame(outbox, stack->creator);
    name_labels(outbox, stack, labels);
    at = append(outbox, WIRE_STACK,
                sizeof(head) + n * sizeof(frames[0]) + stack->n_labels * sizeof(labels[0]));
    memcpy(at, &head, sizeof(head));
    memcpy(at + sizeof(head), frames, n * sizeof(frames[0]));
    memcpy(at + sizeof(head) + n * sizeof(frames[0]), labels, stack->n_labels * sizeof(labels[0]));
    return 0;
}

void outbox_put(struct outbox *outbox, const struct sample *sample)
{
    memcpy(append_element(outbox, WIRE_PUT, sizeof(*sample)), sample, sizeof(*sample));
}

void outbox_drop(struct outbox *outbox, enum sample_kind kind, uint64_t id)
{
    struct wire_key key = {.id = id, .kind = kind};

    memcpy(append_element(outbox, WIRE_DROP, sizeof(key)), &key, sizeof(key));
}

void outbox_look(struct outbox *outbox, uint64_t time_ns)
{
    memcpy(append(outbox, WIRE_LOOK, sizeof(time_ns)), &time_ns, sizeof(time_ns));
}

int outbox_scan(struct outbox *outbox, const struct wire_scan *scan)
{
    memcpy(append(outbox, WIRE_SCAN, sizeof(*scan)), scan, sizeof(*scan));
    flush(outbox);
    return outbox->error;
}

bool outbox_is_full(const struct outbox *outbox)
{
    return outbox->full;
}
