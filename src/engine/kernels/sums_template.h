/* Sums in double precision: included by isa_*.c, which defines vec, LANES, dvec (half as many lanes) and their
 * functions. A product of two single precision numbers is exact in double precision. */

/* Channels first .. first + n - 1 of map[pixels][channels], n up to LANES. */
static inline void sum_vector(const float *map, size_t pixels, int channels, int n, double *sum, double *square,
                              float *zeros)
{
    const dvec none = d_low(v_set(0));
    dvec sum_low = none, sum_high = none, square_low = none, square_high = none;
    vec count = v_set(0);
    for (size_t p = 0; p < pixels; p++, map += channels) {
        const vec x = n == LANES ? v_load(map) : v_load_part(map, n);
        const dvec low = d_low(x), high = d_high(x);
        sum_low = d_add(sum_low, low);
        sum_high = d_add(sum_high, high);
        square_low = d_add(square_low, d_multiply(low, low));
        square_high = d_add(square_high, d_multiply(high, high));
        count = v_add(count, v_is_zero(x));
    }
    d_store(sum, sum_low);
    d_store(sum + LANES / 2, sum_high);
    d_store(square, square_low);
    d_store(square + LANES / 2, square_high);
    v_store(zeros, count);
}

static void sum_channels(const float *map, size_t pixels, int channels, double *sum, double *square, int32_t *zeros)
{
    float count[LANES];
    int c = 0;
    for (; c + LANES <= channels; c += LANES) {
        sum_vector(map + c, pixels, channels, LANES, sum + c, square + c, count);
        for (int i = 0; i < LANES; i++)
            zeros[c + i] = (int32_t)count[i];
    }
    if (c == channels)
        return;
    double last_sum[LANES], last_square[LANES];
    sum_vector(map + c, pixels, channels, channels - c, last_sum, last_square, count);
    for (int i = 0; c + i < channels; i++) {
        sum[c + i] = last_sum[i];
        square[c + i] = last_square[i];
        zeros[c + i] = (int32_t)count[i];
    }
}

enum { DISTANCE_LANES = 32, DISTANCE_VECTORS = DISTANCE_LANES / LANES };

static inline double add_distances(const float *a, const float *b, size_t n, bool differ)
{
    dvec sums[2 * DISTANCE_VECTORS];
    double lanes[DISTANCE_LANES];
    for (int v = 0; v < 2 * DISTANCE_VECTORS; v++)
        sums[v] = d_low(v_set(0));
    size_t i = 0;
    for (; i + DISTANCE_LANES <= n; i += DISTANCE_LANES)
        for (int v = 0; v < DISTANCE_VECTORS; v++) {
            vec x = v_load(a + i + v * LANES);
            if (differ)
                x = v_sub(x, v_load(b + i + v * LANES));
            const dvec low = d_low(x), high = d_high(x);
            sums[2 * v] = d_add(sums[2 * v], d_multiply(low, low));
            sums[2 * v + 1] = d_add(sums[2 * v + 1], d_multiply(high, high));
        }
    for (int v = 0; v < 2 * DISTANCE_VECTORS; v++)
        d_store(lanes + v * (LANES / 2), sums[v]);
    for (int lane = 0; i < n; i++, lane++) {
        const float x = differ ? a[i] - b[i] : a[i];
        lanes[lane] += (double)x * (double)x;
    }
    for (int k = DISTANCE_LANES / 2; k > 0; k /= 2)
        for (int lane = 0; lane < k; lane++)
            lanes[lane] += lanes[lane + k];
    return lanes[0];
}

static double distance(const float *a, const float *b, size_t n)
{
    return b == NULL ? add_distances(a, a, n, false) : add_distances(a, b, n, true);
}
