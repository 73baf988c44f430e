/* UTF-8: where characters begin and end. */
#include "lesion/base.h"

static bool continues(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

int lsn_utf8_bytes(const char *text)
{
    const unsigned char first = (unsigned char)text[0], second = first == 0 ? 0 : (unsigned char)text[1];
    const int bytes = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (first >= 0x80 && (first < 0xC2 || first > 0xF4))
        return 0;
    for (int i = 1; i < bytes; i++)
        if (!continues(text[i]))
            return 0;
    const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    const bool outside =
        (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F); /* surrogates, > U+10FFFF */
    return overlong || outside ? 0 : bytes;
}

int lsn_utf8_count(const char *text, size_t bytes)
{
    int count = 0;
    for (size_t i = 0; i < bytes; i++)
        count += !continues(text[i]);
    return count;
}
