/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/demangle.h"

static void assert_demangled(const char *symbol, const char *expected)
{
    char *readable = demangle(symbol);

    assert_non_null(readable);
    assert_string_equal(readable, expected);
    free(readable);
}

static void test_plain_names_stay(void **state)
{
    (void)state;
    assert_demangled("pthread_cond_wait", "pthread_cond_wait");
    assert_demangled("_start", "_start");
    assert_demangled("", "");
    assert_demangled("main.recommend", "main.recommend");
    assert_demangled("fetch.part.0", "fetch.part.0");
}

static void test_versions_are_cut(void **state)
{
    (void)state;
    assert_demangled("pthread_cond_wait@@GLIBC_2.3.2", "pthread_cond_wait");
    assert_demangled("memcpy@GLIBC_2.2.5", "memcpy");
    assert_demangled("@odd", "@odd");
}

static void test_cpp(void **state)
{
    (void)state;
    assert_demangled("_ZNSt6thread4joinEv", "std::thread::join");
    assert_demangled("_ZN4shop5QueueIiE3popEi", "shop::Queue<int>::pop");
    assert_demangled("_ZNKSt8functionIFvvEEclEv", "std::function<void ()>::operator()");
    assert_demangled("_ZSt4endlIcSt11char_traitsIcEERSt13basic_ostreamIT_T0_ES6_",
                     "std::endl<char, std::char_traits<char> >");
}

static void test_rust(void **state)
{
    (void)state;
    assert_demangled("_ZN3std6thread5sleep17h0123456789abcdefE", "std::thread::sleep");
    assert_demangled("_ZN62_$LT$std..sync..Mutex$LT$T$GT$$u20$as$u20$core..fmt..Debug$GT$3fmt17h"
                     "0123456789abcdefE",
                     "<std::sync::Mutex<T> as core::fmt::Debug>::fmt");
    assert_demangled("_RNvNtCs1234_4shop5queue3pop", "shop::queue::pop");
}

static void test_broken_names_stay(void **state)
{
    (void)state;
    assert_demangled("_ZN", "_ZN");
    assert_demangled("_ZN9999999999shop", "_ZN9999999999shop");
    assert_demangled("_Rxx", "_Rxx");
}

static void test_long_names_stay(void **state)
{
    size_t length = 100000;
    char *name = malloc(length + 1);

    (void)state;
    memset(name, 'P', length);
    memcpy(name, "_Z1f", 4);
    name[length] = '\0';
    assert_demangled(name, name);
    free(name);
}

/* "A<int, int>", then each part twice in the next: 2^90 characters. */
static void test_exponential_names_are_cut(void **state)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char name[1024] = "_Z1fI1AIiiE", *readable;
    size_t length = strlen(name);

    (void)state;
    for (int i = 0; i < 90; i++) {
        char part[4] = {digits[i / 36], digits[i % 36]};

        length += sprintf(name + length, "S_IS%s_S%s_E", i < 36 ? part + 1 : part,
                          i < 36 ? part + 1 : part);
    }
    strcpy(name + length, "Evv");
    readable = demangle(name);
    assert_non_null(readable);
    assert_int_equal(strlen(readable), DEMANGLED_MAX);
    assert_memory_equal(readable, "f<A<int, int>", 13);
    free(readable);
}

/* for<'a, 'b, ...>: as many as the name says, which libiberty would count. */
static void test_endless_lifetimes(void **state)
{
    char *readable = demangle("_RINvC1a1bFGzz_EuE");

    (void)state;
    assert_memory_equal(readable, "a::b::<for<'a, 'b,", 18);
    assert_int_equal(strlen(readable), DEMANGLED_MAX);
    free(readable);
    assert_demangled("_RINvC1a1bFGzzzzzzzz_EuE", "_RINvC1a1bFGzzzzzzzz_EuE");
    assert_demangled("_RNvC1a1bIC1cDGzzzzzzzz_EuE", "_RNvC1a1bIC1cDGzzzzzzzz_EuE");
    /* Where they are written: none of the digits may be skipped over unseen. */
    assert_demangled("_RINvC1a1bFFGzzzzzzzz_EuEuE", "_RINvC1a1bFFGzzzzzzzz_EuEuE");
}

/* Writes a pair of the type at a place of the name; places are counted from behind the _R, by
 * Rust's digits (v0 mangling: backref, base-62-number). Returns the length. */
static size_t write_pair_of(char *name, size_t place)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char number[3] = {digits[(place - 1) / 62], digits[(place - 1) % 62]};

    return sprintf(name, "TB%s_B%s_E", number, number);
}

/* "gödel", then each part twice in the next. Whichever of its texts fills the room, libiberty
 * leaves nothing on the heap (the sanitizer looks). */
static void test_exponential_punycode_is_cut(void **state)
{
    (void)state;
    assert_demangled("_RNvCu8gdel_5qa1b", "g\xc3\xb6"
                                          "del::b");
    for (int padding = 1; padding <= 9; padding++) {
        char name[1024], *readable;
        size_t length = sprintf(name, "_RINvC1a%d%.*s", padding, padding, "bbbbbbbbb");
        size_t place = length - 2;

        length += sprintf(name + length, "Cu8gdel_5qa");
        for (int i = 0; i < 30; i++) {
            size_t next = length - 2;

            length += write_pair_of(name + length, place);
            place = next;
        }
        strcpy(name + length, "E");
        readable = demangle(name);
        assert_non_null(readable);
        assert_int_equal(strlen(readable), DEMANGLED_MAX);
        free(readable);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_names_stay),
        cmocka_unit_test(test_versions_are_cut),
        cmocka_unit_test(test_cpp),
        cmocka_unit_test(test_rust),
        cmocka_unit_test(test_broken_names_stay),
        cmocka_unit_test(test_long_names_stay),
        cmocka_unit_test(test_exponential_names_are_cut),
        cmocka_unit_test(test_endless_lifetimes),
        cmocka_unit_test(test_exponential_punycode_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
