/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/news.h"

#include <string.h>

#include "probe/error.h"

static bool is_terminated(const char *text, size_t size)
{
    return memchr(text, '\0', size);
}

static bool is_sound_description(const struct wire_target *target)
{
    return is_terminated(target->comm, sizeof(target->comm)) &&
           is_terminated(target->exe, sizeof(target->exe));
}

static bool are_sound_resources(const struct wire_resources *resources)
{
    if (resources->n_net > WIRE_NET_MAX)
        return false;
    for (uint32_t i = 0; i < resources->n_net; i++)
        if (!is_terminated(resources->net[i].device, sizeof(resources->net[i].device)))
            return false;
    return true;
}

bool news_is_sound(const struct reader_news *news)
{
    switch (news->type) {
    case READER_REFUSED:
        return news->error && error_is_sound(news->error);
    case READER_IDENTITY:
        return news->identity.tgid > 0 && news->identity.tgid <= INT32_MAX;
    case READER_TARGET:
        return is_sound_description(&news->target);
    case READER_RESOURCES:
        return are_sound_resources(&news->resources);
    default:
        return news->type < READER_NEWS_MAX;
    }
}
