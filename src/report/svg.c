/* Makes gnuplot's SVG a part of the page. */
#include "report/svg.h"

#include "report/colours.h"
#include "report/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ATTRIBUTES = 16, MAX_DEPTH = 32 };

/* A piece of the text of gnuplot's answer. */
typedef struct piece {
    const char *start;
    size_t length;
} piece;

typedef struct tag {
    piece name;
    bool closing, empty; /* </name>, <name/> */
    struct {
        piece name, value;
    } attributes[MAX_ATTRIBUTES];
    int count;
} tag;

/* What a group hands down to what is in it. */
typedef struct group {
    piece width, transform, fill, size, anchor;
    const svg_hover *hover; /* of the plot that it is in, or NULL */
    bool plot;              /* whether it is in one; the box that explains colours is in none */
} group;

typedef struct rewriter {
    lsn_text *html;
    const char *at;
    group stack[MAX_DEPTH];
    int depth;
    const svg_hover *hovers;
    size_t n_hovers;
    size_t *marks;      /* [n_hovers] drawn so far */
    const bool *wanted; /* [n_hovers] */
} rewriter;

/* ---- reading ------------------------------------------------------------------------------------------------- */

static bool is(piece p, const char *word)
{
    return p.length == strlen(word) && memcmp(p.start, word, p.length) == 0;
}

static piece attribute(const tag *t, const char *name)
{
    for (int i = 0; i < t->count; i++)
        if (is(t->attributes[i].name, name))
            return t->attributes[i].value;
    return (piece){"", 0};
}

static const char *skip_space(const char *c)
{
    return c + strspn(c, " \t\r\n");
}

/* name = 'value' */
static const char *read_attribute(const char *c, tag *t)
{
    const piece name = {c, strcspn(c, " \t\r\n=/>")};
    c = skip_space(c + name.length);
    if (name.length == 0 || *c != '=')
        return NULL;
    c = skip_space(c + 1);
    const char *end = *c == '"' || *c == '\'' ? strchr(c + 1, *c) : NULL;
    if (end == NULL)
        return NULL;
    if (t->count < MAX_ATTRIBUTES) {
        t->attributes[t->count].name = name;
        t->attributes[t->count++].value = (piece){c + 1, (size_t)(end - c - 1)};
    }
    return end + 1;
}

/* The next tag from r->at on; false at the end. */
static bool next_tag(rewriter *r, tag *t)
{
    const char *c = strchr(r->at, '<');
    *t = (tag){0};
    if (c == NULL)
        return false;
    c++;
    if (*c == '?' || *c == '!')
        c++;
    t->closing = *c == '/';
    c += t->closing;
    t->name = (piece){c, strcspn(c, " \t\r\n/>?")};
    c = skip_space(c + t->name.length);
    while (c != NULL && *c != '\0' && *c != '>' && *c != '/' && *c != '?')
        if ((c = read_attribute(c, t)) != NULL)
            c = skip_space(c);
    if (c == NULL || *c == '\0')
        return false;
    t->empty = *c != '>';
    c = strchr(c, '>');
    if (c == NULL)
        return false;
    r->at = c + 1;
    return true;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

/* A coordinate with one decimal at most, and without a needless one. */
static void add_number(lsn_text *html, double number)
{
    char text[32];
    snprintf(text, sizeof text, "%.1f", number);
    char *end = text + strlen(text);
    if (end[-1] == '0')
        end[-2] = '\0';
    lsn_text_add(html, "%s", strcmp(text, "-0") == 0 ? "0" : text);
}

/* A path's commands or a polygon's points, numbers shortened. */
static void add_coordinates(lsn_text *html, piece p)
{
    const char *c = p.start, *end = p.start + p.length;
    bool between = false;
    while (c < end) {
        char *after = NULL;
        const double number = strchr("+-.0123456789", *c) != NULL ? strtod(c, &after) : 0;
        if (after != NULL && after > c) {
            if (between)
                lsn_text_add(html, " ");
            add_number(html, number);
            between = true;
            c = after;
            continue;
        }
        if (strchr("MLZz", *c) != NULL) {
            lsn_text_add(html, "%c", *c);
            between = false;
        }
        c++;
    }
}

/* 'rgb(  0, 114, 178)', '#0072b2' or 'black' as 0xrrggbb; -1 where it is none of these. */
static int colour_of(piece p)
{
    char word[32];
    int red, green, blue;
    snprintf(word, sizeof word, "%.*s", (int)p.length, p.start);
    if (sscanf(word, "rgb(%d,%d,%d)", &red, &green, &blue) == 3)
        return (red & 0xff) << 16 | (green & 0xff) << 8 | (blue & 0xff);
    if (word[0] == '#' && strlen(word) == 7)
        return (int)strtol(word + 1, NULL, 16);
    return is(p, "black") ? 0 : -1;
}

static void add_colour(lsn_text *html, const char *property, piece p)
{
    char name[COLOUR_NAME_BYTES];
    const int rgb = colour_of(p);
    if (rgb < 0)
        lsn_text_add(html, " %s=\"none\"", property);
    else if (colour_name(rgb, name)[0] != '\0')
        lsn_text_add(html, " %s=\"var(--%s)\"", property, name);
    else
        lsn_text_add(html, " %s=\"#%06x\"", property, rgb);
}

static void add_opacity(lsn_text *html, const char *property, piece p)
{
    if (p.length > 0)
        lsn_text_add(html, " %s=\"%.2f\"", property, strtod(p.start, NULL));
}

/* Ends the mark that is being written, with its words if it has any. */
static void end_mark(rewriter *r, const char *name)
{
    const svg_hover *hover = r->stack[r->depth].hover;
    const size_t which = hover == NULL ? 0 : (size_t)(hover - r->hovers);
    const size_t mark = hover == NULL ? 0 : r->marks[which]++;
    if (hover == NULL || !r->wanted[which] || mark >= hover->count) {
        lsn_text_add(r->html, "/>\n");
        return;
    }
    lsn_text_add(r->html, "><title>");
    page_text(r->html, hover->texts[mark]);
    lsn_text_add(r->html, "</title></%s>\n", name);
}

static void write_path(rewriter *r, const tag *t)
{
    const piece width = r->stack[r->depth].width, dash = attribute(t, "stroke-dasharray");
    lsn_text_add(r->html, "<path fill=\"none\"");
    add_colour(r->html, "stroke", attribute(t, "stroke"));
    add_opacity(r->html, "stroke-opacity", attribute(t, "stroke-opacity"));
    if (width.length > 0 && strtod(width.start, NULL) != 1)
        lsn_text_add(r->html, " stroke-width=\"%.2g\"", strtod(width.start, NULL));
    if (dash.length > 0 && strspn(dash.start, "0123456789., ") >= dash.length)
        lsn_text_add(r->html, " stroke-dasharray=\"%.*s\"", (int)dash.length, dash.start);
    lsn_text_add(r->html, " d=\"");
    add_coordinates(r->html, attribute(t, "d"));
    lsn_text_add(r->html, "\"/>\n");
}

static void write_polygon(rewriter *r, const tag *t)
{
    lsn_text_add(r->html, "<path");
    add_colour(r->html, "fill", attribute(t, "fill"));
    add_opacity(r->html, "fill-opacity", attribute(t, "fill-opacity"));
    lsn_text_add(r->html, " d=\"M");
    add_coordinates(r->html, attribute(t, "points"));
    lsn_text_add(r->html, r->stack[r->depth].plot ? "z\"" : "z\" shape-rendering=\"crispEdges\"");
    end_mark(r, "path");
}

/* A point: its form is drawn here, for gnuplot's own forms are referred to by ids. Filled forms have even numbers. */
static void write_point(rewriter *r, const tag *t)
{
    double x = 0, y = 0, size = 1;
    int form = 6;
    sscanf(attribute(t, "transform").start, "translate(%lf,%lf) scale(%lf)", &x, &y, &size);
    sscanf(attribute(t, "xlink:href").start, "#gpPt%d", &form);
    lsn_text_add(r->html, form == 5 || form == 6 ? "<circle" : "<path");
    const bool open = form < 3 || form % 2 == 1;
    add_colour(r->html, open ? "stroke" : "fill", attribute(t, "color"));
    add_opacity(r->html, open ? "stroke-opacity" : "fill-opacity", attribute(t, "opacity"));
    if (open)
        lsn_text_add(r->html, " fill=\"none\" stroke-width=\"%.2g\"", size > 4 ? 1.5 : 1.2);
    if (form == 5 || form == 6)
        lsn_text_add(r->html, " cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"", x, y, size);
    else if (form == 3 || form == 4)
        lsn_text_add(r->html, " d=\"M%.1f %.1fh%.1fv%.1fh%.1fz\"", x - size, y - size, 2 * size, 2 * size, -2 * size);
    else if (form < 3)
        lsn_text_add(r->html, " d=\"M%.1f %.1fL%.1f %.1fM%.1f %.1fL%.1f %.1f\"", x - size, y - size, x + size, y + size,
                     x - size, y + size, x + size, y - size);
    else {
        const double tip = form == 9 || form == 10 ? size : -size, foot = form >= 11 ? -tip : -0.67 * tip;
        lsn_text_add(r->html, " d=\"M%.1f %.1fL%.1f %.1f", x, y + 1.33 * tip, x + 1.33 * size,
                     form >= 11 ? y : y + foot);
        if (form >= 11)
            lsn_text_add(r->html, "L%.1f %.1f", x, y + 1.33 * foot);
        lsn_text_add(r->html, "L%.1f %.1fz\"", x - 1.33 * size, form >= 11 ? y : y + foot);
    }
    end_mark(r, form == 5 || form == 6 ? "circle" : "path");
}

/* The text up to </text>; gnuplot has escaped it. */
static void write_text(rewriter *r)
{
    const group *g = &r->stack[r->depth];
    const piece words = {r->at, strcspn(r->at, "<")};
    double x = 0, y = 0, turn = 0;
    if (words.length == 0 || sscanf(g->transform.start, "translate(%lf,%lf) rotate(%lf)", &x, &y, &turn) < 2)
        return;
    lsn_text_add(r->html, "<text");
    add_colour(r->html, "fill", g->fill);
    if (turn != 0)
        lsn_text_add(r->html, " transform=\"translate(%.1f %.1f)rotate(%g)\"", x, y, turn);
    else
        lsn_text_add(r->html, " x=\"%.1f\" y=\"%.1f\"", x, y);
    if (g->size.length > 0)
        lsn_text_add(r->html, " font-size=\"%g\"", strtod(g->size.start, NULL));
    if (is(g->anchor, "middle") || is(g->anchor, "end"))
        lsn_text_add(r->html, " text-anchor=\"%.*s\"", (int)g->anchor.length, g->anchor.start);
    lsn_text_add(r->html, ">%.*s</text>\n", (int)words.length, words.start);
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

static bool open_group(rewriter *r, const tag *t)
{
    if (r->depth + 1 == MAX_DEPTH)
        return false;
    group *g = &r->stack[r->depth + 1];
    *g = r->stack[r->depth++];
    const piece width = attribute(t, "stroke-width"), id = attribute(t, "id");
    if (width.length > 0)
        g->width = width;
    if (attribute(t, "transform").length > 0) {
        g->transform = attribute(t, "transform");
        g->fill = attribute(t, "fill");
        g->size = attribute(t, "font-size");
        g->anchor = attribute(t, "text-anchor");
    }
    g->plot = g->plot || memmem(id.start, id.length, "_plot_", 6) != NULL;
    for (size_t i = 0; i < r->n_hovers; i++) {
        char end[32];
        const int length = snprintf(end, sizeof end, "_plot_%s", r->hovers[i].plot);
        if (id.length >= (size_t)length && memcmp(id.start + id.length - length, end, (size_t)length) == 0)
            g->hover = &r->hovers[i];
    }
    return true;
}

static bool rewrite(rewriter *r)
{
    tag t;
    bool within = false; /* the definitions before the picture are left out */
    while (next_tag(r, &t)) {
        if (is(t.name, "g") && is(attribute(&t, "id"), "gnuplot_canvas"))
            within = true;
        if (is(t.name, "defs") && !t.empty && !t.closing && (r->at = strstr(r->at, "</defs>")) == NULL)
            return false;
        if (!within || (t.closing && !is(t.name, "g")))
            continue;
        if (is(t.name, "g") && !t.closing && !open_group(r, &t))
            return false;
        if (is(t.name, "g") && t.closing && --r->depth < 0)
            return false;
        if (is(t.name, "path"))
            write_path(r, &t);
        else if (is(t.name, "polygon"))
            write_polygon(r, &t);
        else if (is(t.name, "use"))
            write_point(r, &t);
        else if (is(t.name, "text"))
            write_text(r);
    }
    return within && r->depth == 0;
}

static void begin_svg(lsn_text *html, const char *svg, const char *label)
{
    double width = 0, height = 0;
    const char *box = strstr(svg, "viewBox=\"0 0 ");
    if (box != NULL)
        sscanf(box, "viewBox=\"0 0 %lf %lf\"", &width, &height);
    lsn_text_add(html, "<svg role=\"img\" viewBox=\"0 0 %.0f %.0f\" style=\"max-width:%.0fpx\" aria-label=\"", width,
                 height, width);
    page_text(html, label);
    lsn_text_add(html, "\">\n");
}

bool svg_rewrite(lsn_text *html, const char *svg, const char *label, const svg_hover *hovers, size_t n_hovers,
                 bool *hovered, lsn_error *err)
{
    size_t *marks = lsn_array(n_hovers, sizeof *marks, err);
    bool *wanted = lsn_array(n_hovers, sizeof *wanted, err);
    bool ok = marks != NULL && wanted != NULL, all = true;
    const size_t start = html->length;
    for (size_t i = 0; ok && i < n_hovers; i++)
        wanted[i] = true;
    for (int round = 0; ok && round < 2; round++) {
        rewriter r = {
            .html = html, .at = svg, .hovers = hovers, .n_hovers = n_hovers, .marks = marks, .wanted = wanted};
        begin_svg(html, svg, label);
        if (!rewrite(&r))
            ok = lsn_fail(err, LSN_FAILED, "gnuplot's answer is not understood: %.60s", svg);
        lsn_text_add(html, "</svg>\n");
        for (size_t i = 0; ok && i < n_hovers; i++) {
            wanted[i] = marks[i] == hovers[i].count;
            all = all && wanted[i];
            marks[i] = 0;
        }
        if (all)
            break;
        if (round == 0)
            html->length = start; /* again, without them */
    }
    if (hovered != NULL)
        *hovered = all;
    free(marks);
    free(wanted);
    return ok;
}
