/* Winograd's transforms (Lavin & Gray, 2015) and the finish of outputs. Included by isa_*.c after product_template.h.
 *
 * Interpolation points: F4: 0, 1, -1, 2, -2, infinity; F6: these and 1/2, -1/2; F7: 0, 1, -1, 1/2, -1/2, 3/2, -3/2, -3,
 * infinity (three pairs a, -a, which share work, and one point without its negative; all coefficients of B' and A' are
 * exact in binary). pack.c has the weights' transform. */

enum { MOST_POINTS = 9, MOST_SIDE = 7 };

/* d := B'd for 6 points, the rows of B' being
 * 4 0 -5 0 1 0 | 0 -4 -4 1 1 0 | 0 4 -4 -1 1 0 | 0 -2 -1 2 1 0 | 0 2 -1 -2 1 0 | 0 4 0 -5 0 1. */
ALWAYS void input_points_6(vec d[MOST_POINTS])
{
    const vec four = v_set(4.0F), five = v_set(5.0F), two = v_set(2.0F);
    vec even_1 = v_fnma(four, d[2], d[4]), odd_1 = v_fnma(four, d[1], d[3]);
    vec even_2 = v_sub(d[4], d[2]), odd_2 = v_sub(d[3], d[1]);
    d[0] = v_fma(four, d[0], v_fnma(five, d[2], d[4]));
    d[5] = v_fma(four, d[1], v_fnma(five, d[3], d[5]));
    d[1] = v_add(even_1, odd_1);
    d[2] = v_sub(even_1, odd_1);
    d[3] = v_fma(two, odd_2, even_2);
    d[4] = v_fnma(two, odd_2, even_2);
}

/* d := B'd for 8 points, the rows of B' being
 * 1 0 -21/4 0 21/4 0 -1 0 | 0 1 1 -17/4 -17/4 1 1 0 | 0 -1 1 17/4 -17/4 -1 1 0 | 0 1/2 1/4 -5/2 -5/4 2 1 0 |
 * 0 -1/2 1/4 5/2 -5/4 -2 1 0 | 0 2 4 -5/2 -5 1/2 1 0 | 0 -2 4 5/2 -5 -1/2 1 0 | 0 -1 0 21/4 0 -21/4 0 1. */
ALWAYS void input_points_8(vec d[MOST_POINTS])
{
    const vec a = v_set(5.25F), b = v_set(4.25F), quarter = v_set(0.25F), c = v_set(1.25F), four = v_set(4.0F);
    const vec five = v_set(5.0F), two = v_set(2.0F), half = v_set(0.5F);
    vec even_1 = v_fnma(b, d[4], v_add(d[2], d[6])), odd_1 = v_fnma(b, d[3], v_add(d[1], d[5]));
    vec even_2 = v_fnma(c, d[4], v_fma(quarter, d[2], d[6])), odd_2 = v_fnma(c, d[3], v_fma(quarter, d[1], d[5]));
    vec even_3 = v_fnma(five, d[4], v_fma(four, d[2], d[6])), odd_3 = v_fnma(five, d[3], v_fma(four, d[1], d[5]));
    d[0] = v_fma(a, v_sub(d[4], d[2]), v_sub(d[0], d[6]));
    d[7] = v_fma(a, v_sub(d[3], d[5]), v_sub(d[7], d[1]));
    d[1] = v_add(even_1, odd_1);
    d[2] = v_sub(even_1, odd_1);
    d[3] = v_fma(two, odd_2, even_2);
    d[4] = v_fnma(two, odd_2, even_2);
    d[5] = v_fma(half, odd_3, even_3);
    d[6] = v_fnma(half, odd_3, even_3);
}

/* The rows of the points a and -a of nine: u4 and u2 are weighted by the coefficients of the even factors that remain.
 */
ALWAYS void input_pair_9(vec d[MOST_POINTS], const vec u[8], int at, float a, float q1, float q0)
{
    vec even = v_fma(v_set(q0), u[2], v_fma(v_set(q1), u[4], u[6]));
    vec odd = v_fma(v_set(q0), u[1], v_fma(v_set(q1), u[3], u[5]));
    d[at] = v_fma(v_set(a), odd, even);
    d[at + 1] = v_fnma(v_set(a), odd, even);
}

/* d := B'd for 9 points. With Q(x) = (x^2 - 1)(x^2 - 1/4)(x^2 - 9/4) = x^6 - 7/2 x^4 + 49/16 x^2 - 9/16, the rows of B'
 * are the coefficients of x (x + 3) Q(x) and of its quotients by x - p; u is d times x + 3, which most have. */
ALWAYS void input_points_9(vec d[MOST_POINTS])
{
    const vec three = v_set(3.0F), a = v_set(-3.5F), b = v_set(3.0625F), c = v_set(-0.5625F);
    vec u[8];
#pragma GCC unroll 8
    for (int k = 0; k < 8; k++)
        u[k] = v_fma(three, d[k], d[k + 1]);
    vec minus_3 = v_fma(c, d[1], v_fma(b, d[3], v_fma(a, d[5], d[7])));
    d[0] = v_fma(c, u[0], v_fma(b, u[2], v_fma(a, u[4], u[6])));
    d[8] = v_fma(c, u[1], v_fma(b, u[3], v_fma(a, u[5], u[7])));
    d[7] = minus_3;
    input_pair_9(d, u, 1, 1.0F, -2.5F, 0.5625F);
    input_pair_9(d, u, 3, 0.5F, -3.25F, 2.25F);
    input_pair_9(d, u, 5, 1.5F, -1.25F, 0.25F);
}

ALWAYS void input_points(vec d[MOST_POINTS], const int points)
{
    if (points == 6)
        input_points_6(d);
    else if (points == 8)
        input_points_8(d);
    else
        input_points_9(d);
}

/* y = A'm for 6 points, the rows of A' being 1 1 1 1 1 0 | 0 1 -1 2 -2 0 | 0 1 1 4 4 0 | 0 1 -1 8 -8 1. */
ALWAYS void output_points_6(const vec m[MOST_POINTS], vec y[MOST_SIDE])
{
    vec sum_1 = v_add(m[1], m[2]), difference_1 = v_sub(m[1], m[2]);
    vec sum_2 = v_add(m[3], m[4]), difference_2 = v_sub(m[3], m[4]);
    y[0] = v_add(v_add(m[0], sum_1), sum_2);
    y[1] = v_fma(v_set(2.0F), difference_2, difference_1);
    y[2] = v_fma(v_set(4.0F), sum_2, sum_1);
    y[3] = v_fma(v_set(8.0F), difference_2, v_add(difference_1, m[5]));
}

/* y = A'm for 8 points, the rows of A' being 1 1 1 1 1 1 1 0 | 0 1 -1 2 -2 1/2 -1/2 0 | 0 1 1 4 4 1/4 1/4 0 | and so on
 * to 0 1 -1 32 -32 1/32 -1/32 1. */
ALWAYS void output_points_8(const vec m[MOST_POINTS], vec y[MOST_SIDE])
{
    vec sum_1 = v_add(m[1], m[2]), difference_1 = v_sub(m[1], m[2]);
    vec sum_2 = v_add(m[3], m[4]), difference_2 = v_sub(m[3], m[4]);
    vec sum_3 = v_add(m[5], m[6]), difference_3 = v_sub(m[5], m[6]);
    y[0] = v_add(v_add(m[0], sum_1), v_add(sum_2, sum_3));
    y[1] = v_fma(v_set(2.0F), difference_2, v_fma(v_set(0.5F), difference_3, difference_1));
    y[2] = v_fma(v_set(4.0F), sum_2, v_fma(v_set(0.25F), sum_3, sum_1));
    y[3] = v_fma(v_set(8.0F), difference_2, v_fma(v_set(0.125F), difference_3, difference_1));
    y[4] = v_fma(v_set(16.0F), sum_2, v_fma(v_set(0.0625F), sum_3, sum_1));
    y[5] = v_fma(v_set(32.0F), difference_2, v_fma(v_set(0.03125F), difference_3, v_add(difference_1, m[7])));
}

/* y_i = s1 + a s2 + b s3 + c m: the powers of the points 1, 1/2, 3/2 and -3. */
ALWAYS vec output_sum_9(vec s1, vec s2, vec s3, vec m, float a, float b, float c)
{
    return v_fma(v_set(c), m, v_fma(v_set(b), s3, v_fma(v_set(a), s2, s1)));
}

/* y = A'm for 9 points, the row of A' for y_i being p^i for each point p, and 1 for infinity in the last. */
ALWAYS void output_points_9(const vec m[MOST_POINTS], vec y[MOST_SIDE])
{
    vec sum_1 = v_add(m[1], m[2]), difference_1 = v_sub(m[1], m[2]);
    vec sum_2 = v_add(m[3], m[4]), difference_2 = v_sub(m[3], m[4]);
    vec sum_3 = v_add(m[5], m[6]), difference_3 = v_sub(m[5], m[6]);
    y[0] = v_add(v_add(m[0], m[7]), v_add(sum_1, v_add(sum_2, sum_3)));
    y[1] = output_sum_9(difference_1, difference_2, difference_3, m[7], 0.5F, 1.5F, -3.0F);
    y[2] = output_sum_9(sum_1, sum_2, sum_3, m[7], 0.25F, 2.25F, 9.0F);
    y[3] = output_sum_9(difference_1, difference_2, difference_3, m[7], 0.125F, 3.375F, -27.0F);
    y[4] = output_sum_9(sum_1, sum_2, sum_3, m[7], 0.0625F, 5.0625F, 81.0F);
    y[5] = output_sum_9(difference_1, difference_2, difference_3, m[7], 0.03125F, 7.59375F, -243.0F);
    y[6] = output_sum_9(v_add(sum_1, m[8]), sum_2, sum_3, m[7], 0.015625F, 11.390625F, 729.0F);
}

ALWAYS void output_points(const vec m[MOST_POINTS], vec y[MOST_SIDE], const int points)
{
    if (points == 6)
        output_points_6(m, y);
    else if (points == 8)
        output_points_8(m, y);
    else
        output_points_9(m, y);
}

ALWAYS vec load_lanes(const float *p, int n)
{
    return n >= LANES ? v_load(p) : v_load_part(p, n);
}

ALWAYS void store_lanes(float *p, vec x, int n)
{
    if (n >= LANES)
        v_store(p, x);
    else
        v_store_part(p, x, n);
}

/* `points` (p + 2) and `n` are constants once inlined, but for a last part of a vector. */
ALWAYS void input_lanes(const float *const *taps, ptrdiff_t at, int n, float *v, ptrdiff_t element_stride,
                        const int points)
{
    vec part[MOST_POINTS][MOST_POINTS], d[MOST_POINTS];
#pragma GCC unroll 9
    for (int j = 0; j < points; j++) {
#pragma GCC unroll 9
        for (int i = 0; i < points; i++)
            d[i] = load_lanes(taps[i * points + j] + at, n);
        input_points(d, points);
#pragma GCC unroll 9
        for (int i = 0; i < points; i++)
            part[i][j] = d[i];
    }
#pragma GCC unroll 9
    for (int i = 0; i < points; i++) {
        input_points(part[i], points);
#pragma GCC unroll 9
        for (int j = 0; j < points; j++) {
            v_store(v + (i * points + j) * element_stride, part[i][j]);
            /* where the next tile will be written */
            __builtin_prefetch(v + (i * points + j) * element_stride + LSN_CHUNK, 1, 3);
        }
    }
}

ALWAYS void input_tile(const float *const *taps, int channels, float *v, ptrdiff_t element_stride,
                       ptrdiff_t chunk_stride, const int points)
{
    int c = 0;
    for (; c + LANES <= channels; c += LANES)
        input_lanes(taps, c, LANES, v + c / LSN_CHUNK * chunk_stride + c % LSN_CHUNK, element_stride, points);
    if (c < channels)
        input_lanes(taps, c, channels - c, v + c / LSN_CHUNK * chunk_stride + c % LSN_CHUNK, element_stride, points);
}

static void input_f4(const float *const *taps, int channels, float *v, ptrdiff_t element_stride, ptrdiff_t chunk_stride)
{
    input_tile(taps, channels, v, element_stride, chunk_stride, 6);
}

static void input_f6(const float *const *taps, int channels, float *v, ptrdiff_t element_stride, ptrdiff_t chunk_stride)
{
    input_tile(taps, channels, v, element_stride, chunk_stride, 8);
}

static void input_f7(const float *const *taps, int channels, float *v, ptrdiff_t element_stride, ptrdiff_t chunk_stride)
{
    input_tile(taps, channels, v, element_stride, chunk_stride, 9);
}

/* The usual finish (bias, ReLU, whole tile, whole vector), known when compiled; or anything. */
typedef enum finish { FINISH_ANY, FINISH_STORE, FINISH_POOL } finish;

/* z, pre and the activation of the pixel at (i, j). */
ALWAYS vec finish_pixel(vec y, const lsn_target *t, vec bias, int i, int j, int f, int n, const finish how)
{
    const vec zero = v_set(0.0F);
    if (how != FINISH_ANY)
        return v_max(zero, v_add(bias, y));
    bool inside = i < t->rows && j < t->columns;
    ptrdiff_t at = i * t->row + j * t->pixel + f;
    if (t->base == NULL) {
        y = v_add(bias, y);
    } else if (inside) {
        vec base = load_lanes(t->base + at, n);
        y = t->subtract ? v_sub(base, y) : v_add(base, y);
    }
    if (t->pre != NULL && inside)
        store_lanes(t->pre + at, y, n);
    return t->relu ? v_max(zero, y) : y;
}

/* Finishes `rows` rows (1 or 2; with pooling 2) of a tile of `side` columns, from row i on. */
ALWAYS void finish_rows(vec y[2][MOST_SIDE], const lsn_target *t, vec bias, int i, int f, int n, const int rows,
                        const int side, const finish how)
{
#pragma GCC unroll 2
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 7
        for (int j = 0; j < side; j++)
            y[r][j] = finish_pixel(y[r][j], t, bias, i + r, j, f, n, how);
    }
    if (how == FINISH_ANY && t->out == NULL)
        return;
    if (rows == 2 && (how == FINISH_POOL || (how == FINISH_ANY && t->pool))) {
#pragma GCC unroll 3
        for (int j = 0; j + 1 < side; j += 2) {
            vec most = v_max(v_max(y[0][j], y[0][j + 1]), v_max(y[1][j], y[1][j + 1]));
            if (how == FINISH_POOL || (i + 1 < t->rows && j + 1 < t->columns))
                store_lanes(t->out + i / 2 * t->out_row + j / 2 * t->out_pixel + f, most, n);
        }
        return;
    }
#pragma GCC unroll 2
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 7
        for (int j = 0; j < side; j++)
            if (how == FINISH_STORE || (i + r < t->rows && j < t->columns)) {
                store_lanes(t->out + (i + r) * t->out_row + j * t->out_pixel + f, y[r][j], n);
                /* the next tile's, mostly */
                __builtin_prefetch(t->out + (i + r) * t->out_row + (j + side) * t->out_pixel + f, 1, 3);
            }
    }
}

ALWAYS void output_lanes(const float *m, int f, int n, const lsn_target *t, const int side, const finish how)
{
    const int points = side + 2;
    vec part[MOST_SIDE][MOST_POINTS], column[MOST_POINTS], y[MOST_SIDE];
#pragma GCC unroll 9
    for (int j = 0; j < points; j++) {
#pragma GCC unroll 9
        for (int i = 0; i < points; i++)
            column[i] = v_load(m + (i * points + j) * LSN_PANEL + f);
        output_points(column, y, points);
#pragma GCC unroll 7
        for (int i = 0; i < side; i++)
            part[i][j] = y[i];
    }
    vec bias = t->bias != NULL ? load_lanes(t->bias + f, n) : v_set(0.0F);
#pragma GCC unroll 4
    for (int i = 0; i < side; i += 2) {
        vec rows[2][MOST_SIDE];
        output_points(part[i], rows[0], points);
        if (i + 1 < side) {
            output_points(part[i + 1], rows[1], points);
            finish_rows(rows, t, bias, i, f, n, 2, side, how);
        } else {
            finish_rows(rows, t, bias, i, f, n, 1, side, how);
        }
    }
}

/* Whether a vector's outputs get the usual finish. */
ALWAYS finish finish_of(const lsn_target *t, int side)
{
    bool usual = t->rows == side && t->columns == side && t->relu && t->base == NULL && t->pre == NULL;
    return !usual || t->out == NULL ? FINISH_ANY : t->pool ? FINISH_POOL : FINISH_STORE;
}

ALWAYS void output_tile(const float *m, int filters, const lsn_target *t, const int side)
{
    finish how = finish_of(t, side);
    for (int f = 0; f < filters; f += LANES) {
        int n = filters - f;
        if (how == FINISH_STORE && n >= LANES)
            output_lanes(m, f, LANES, t, side, FINISH_STORE);
        else if (how == FINISH_POOL && n >= LANES)
            output_lanes(m, f, LANES, t, side, FINISH_POOL);
        else
            output_lanes(m, f, n, t, side, FINISH_ANY);
    }
}

static void output_f4(const float *m, int filters, const lsn_target *target)
{
    output_tile(m, filters, target, 4);
}

static void output_f6(const float *m, int filters, const lsn_target *target)
{
    output_tile(m, filters, target, 6);
}

/* Without pooling: its windows would straddle the tiles. */
static void output_f7(const float *m, int filters, const lsn_target *target)
{
    output_tile(m, filters, target, 7);
}

/* The pixels of rows i and i + 1, columns x and x + 1 of m. */
ALWAYS void load_pixels(vec y[2][MOST_SIDE], const float *m, ptrdiff_t row, ptrdiff_t pixel, const lsn_target *t)
{
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
#pragma GCC unroll 2
        for (int j = 0; j < 2; j++)
            y[i][j] = i < t->rows && j < t->columns ? v_load(m + i * row + j * pixel) : v_set(0.0F);
    }
}

static void finish_pixels(const float *m, ptrdiff_t panel, ptrdiff_t row, ptrdiff_t pixel, int width, int filters,
                          const lsn_target *target)
{
    lsn_target t = *target;
    for (int x = 0; x < width; x += 2, m += 2 * pixel) {
        t.columns = width - x < 2 ? 1 : 2;
        finish how = finish_of(&t, 2);
        for (int f = 0; f < filters; f += LANES) {
            int n = filters - f;
            vec bias = t.bias != NULL ? load_lanes(t.bias + f, n) : v_set(0.0F);
            vec y[2][MOST_SIDE];
            load_pixels(y, m + f / LSN_PANEL * panel + f % LSN_PANEL, row, pixel, &t);
            if (how == FINISH_STORE && n >= LANES)
                finish_rows(y, &t, bias, 0, f, LANES, 2, 2, FINISH_STORE);
            else if (how == FINISH_POOL && n >= LANES)
                finish_rows(y, &t, bias, 0, f, LANES, 2, 2, FINISH_POOL);
            else
                finish_rows(y, &t, bias, 0, f, n, 2, 2, FINISH_ANY);
        }
        t.out = t.out == NULL ? NULL : t.out + (t.pool ? 1 : 2) * t.out_pixel;
        t.base = t.base == NULL ? NULL : t.base + 2 * t.pixel;
        t.pre = t.pre == NULL ? NULL : t.pre + 2 * t.pixel;
    }
}
