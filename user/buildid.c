/* SPDX-License-Identifier: Apache-2.0 */
#include "buildid.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

bool buildid_format(const void *bytes, size_t size, char ret_text[static BUILD_ID_TEXT_MAX])
{
    const uint8_t *at = bytes;

    ret_text[0] = '\0';
    if (size == 0 || size > BUILD_ID_MAX)
        return false;
    for (size_t i = 0; i < size; i++) {
        ret_text[2 * i] = digits[at[i] >> 4];
        ret_text[2 * i + 1] = digits[at[i] & 15];
    }
    ret_text[2 * size] = '\0';
    return true;
}

bool buildid_is(const char *text)
{
    size_t length = strnlen(text, BUILD_ID_TEXT_MAX);

    return length > 0 && length < BUILD_ID_TEXT_MAX && length % 2 == 0 &&
           strspn(text, digits) == length;
}
