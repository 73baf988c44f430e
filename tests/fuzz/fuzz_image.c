/* The bytes as a JPEG or PNG file: decoded, resized and cropped. */
#include "fuzz.h"

#include <assert.h>
#include <stdlib.h>

#include "images.h"

enum {
    MOST_OF_PNG = 9 * 8 * MOST_OF_DEFLATE, /* of one bit a pixel and interlaced: a byte as read, four as RGB, room */
    MOST_OF_JPEG = 8 * 64 * 8              /* a bit a block: coefficients and RGB */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const lsn_preprocess preprocess = {.resize = 9, .crop = 7, .interpolation = LSN_BICUBIC};
    unsigned char out[7 * 7 * 3];
    lsn_error err = {0};
    lsn_image_header header = {0};
    lsn_pixels pixels = {0};
    const lsn_file file = {data, size};
    const int channels = size % 2 == 0 ? 3 : 1;
    fuzz_allow(32 << 20, lsn_is_png(&file) ? MOST_OF_PNG : MOST_OF_JPEG, size);
    if (lsn_decode(&file, "file", channels, &header, &pixels, &err)) {
        int h, w;
        assert(pixels.h == header.h && pixels.w == header.w && pixels.channels == channels);
        assert(lsn_reshaped_size(&preprocess, pixels.h, pixels.w, &h, &w) && h == 7 && w == 7);
        assert(lsn_reshape(&preprocess, &pixels, out, &err));
        assert(strncmp(header.form, lsn_is_png(&file) ? "PNG" : "JPEG", 3) == 0);
    } else
        check_refusal(&err);
    lsn_pixels_finish(&pixels);
    fuzz_allow_end();
    return 0;
}
