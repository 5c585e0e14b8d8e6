/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/news.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* In an allocation of its own, so that the sanitizer sees who reads beyond it. */
static struct reader_news *news;

static int begin(void **state)
{
    (void)state;
    news = calloc(1, sizeof(*news));
    return news ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    free(news);
    return 0;
}

/* Whatever else lies in it. */
static void become(uint32_t type)
{
    memset(news, 0xff, sizeof(*news));
    news->type = type;
}

static void assert_sound(bool is_sound)
{
    assert_int_equal(news_is_sound(news), is_sound);
}

static void other_types_are_not_sound(void **state)
{
    static const uint32_t bare[] = {READER_TAKEN, READER_DONE, READER_ANALYST_GONE};

    (void)state;
    for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++) {
        become(bare[i]);
        assert_sound(true);
    }
    become(READER_NEWS_MAX);
    assert_sound(false);
    become(UINT32_MAX);
    assert_sound(false);
    become(1u << 31);
    assert_sound(false);
}

/* What is passed on as -errno. */
static void a_refusal_has_an_error(void **state)
{
    static const struct {
        int32_t error;
        bool is_sound;
    } errors[] = {
        {-EPERM, true}, {-4095, true},      {-4096, false},     {0, false},
        {EPERM, false}, {INT32_MIN, false}, {INT32_MAX, false},
    };

    (void)state;
    become(READER_REFUSED);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        news->error = errors[i].error;
        assert_sound(errors[i].is_sound);
    }
}

static void an_identity_has_a_pid(void **state)
{
    static const struct {
        uint32_t tgid;
        bool is_sound;
    } ids[] = {{1, true}, {INT32_MAX, true}, {0, false}, {1u << 31, false}, {UINT32_MAX, false}};

    (void)state;
    become(READER_IDENTITY);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        news->identity.tgid = ids[i].tgid;
        assert_sound(ids[i].is_sound);
    }
}

static void texts_end(void **state)
{
    struct wire_target *target = &news->target;

    (void)state;
    become(READER_TARGET);
    assert_sound(false);
    target->comm[sizeof(target->comm) - 1] = '\0';
    assert_sound(false);
    target->exe[sizeof(target->exe) - 1] = '\0';
    assert_sound(true);
    target->comm[sizeof(target->comm) - 1] = 'x';
    assert_sound(false);
    target->exe[0] = '\0'; /* the one behind it ends */
    assert_sound(false);
    target->comm[0] = '\0';
    target->exe[0] = '\0';
    assert_sound(true);
}

static void devices_are_as_many_as_there_is_room_for(void **state)
{
    static const uint32_t too_many[] = {WIRE_NET_MAX + 1, 1u << 31, UINT32_MAX};
    struct wire_resources *resources = &news->resources;

    (void)state;
    become(READER_RESOURCES);
    resources->n_net = 0;
    assert_sound(true);
    for (size_t i = 0; i < WIRE_NET_MAX; i++)
        resources->net[i].device[sizeof(resources->net[i].device) - 1] = '\0';
    resources->n_net = WIRE_NET_MAX;
    assert_sound(true);
    for (size_t i = 0; i < sizeof(too_many) / sizeof(too_many[0]); i++) {
        resources->n_net = too_many[i];
        assert_sound(false);
    }
}

static void names_of_devices_end(void **state)
{
    struct wire_resources *resources = &news->resources;

    (void)state;
    become(READER_RESOURCES);
    for (uint32_t n = 1; n <= WIRE_NET_MAX; n++) {
        char *last = &resources->net[n - 1].device[sizeof(resources->net[n - 1].device) - 1];

        resources->n_net = n;
        assert_sound(false);
        *last = '\0';
        assert_sound(true);
    }
    resources->net[0].device[sizeof(resources->net[0].device) - 1] = 'x';
    assert_sound(false);
}

#define WITH_NEWS(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_NEWS(other_types_are_not_sound),
        WITH_NEWS(a_refusal_has_an_error),
        WITH_NEWS(an_identity_has_a_pid),
        WITH_NEWS(texts_end),
        WITH_NEWS(devices_are_as_many_as_there_is_room_for),
        WITH_NEWS(names_of_devices_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
