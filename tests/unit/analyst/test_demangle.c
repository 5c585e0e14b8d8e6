/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_names_stay),
        cmocka_unit_test(test_versions_are_cut),
        cmocka_unit_test(test_cpp),
        cmocka_unit_test(test_rust),
        cmocka_unit_test(test_broken_names_stay),
        cmocka_unit_test(test_long_names_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
