/* Makes gnuplot's SVG a part of the page: groups, shapes and texts are copied, with the attributes that say where and
 * how they are drawn; all else is dropped. */
#include "report/svg.h"

#include "report/colours.h"
#include "report/page.h"

#include <ctype.h>
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

typedef struct rewriter {
    lsn_text *html;
    const char *at;
    size_t begins[MAX_DEPTH], ends[MAX_DEPTH]; /* where the open groups' tags are in html */
    int depth, plot_depth;                     /* of the group of the plot that is being drawn; 0: none is */
    const svg_hover *hovers;
    size_t n_hovers, hover; /* the plot's; n_hovers: it has none */
    size_t *marks;          /* [n_hovers] drawn so far */
    const bool *wanted;     /* [n_hovers] */
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
    c += 1 + strspn(c + 1, "?!");
    t->closing = *c == '/';
    c += t->closing;
    t->name = (piece){c, strcspn(c, " \t\r\n/>?")};
    c = skip_space(c + t->name.length);
    while (c != NULL && *c != '\0' && *c != '>' && *c != '/' && *c != '?')
        if ((c = read_attribute(c, t)) != NULL)
            c = skip_space(c);
    const char *end = c == NULL ? NULL : strchr(c, '>');
    if (end == NULL)
        return false;
    t->empty = end > c;
    r->at = end + 1;
    return true;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

/* Words and numbers, these with so many decimals at most and without needless ones, a blank between two. */
static void add_value(lsn_text *html, piece p, int decimals)
{
    bool after_number = false;
    for (const char *c = p.start, *end = p.start + p.length; c < end;) {
        char *after = NULL, text[48];
        const double number = strchr("+-.0123456789", *c) != NULL ? strtod(c, &after) : 0;
        if (after != NULL && after > c) {
            int length = snprintf(text, sizeof text, "%.*f", decimals, number);
            while (length > 0 && length < (int)sizeof text && strchr(text, '.') != NULL &&
                   (text[length - 1] == '0' || text[length - 1] == '.'))
                text[--length] = '\0';
            lsn_text_add(html, "%s%s", after_number ? " " : "", strcmp(text, "-0") == 0 ? "0" : text);
            after_number = true;
            c = after;
            continue;
        }
        if (isalpha((unsigned char)*c) || *c == '(' || *c == ')') {
            lsn_text_add(html, "%c", *c);
            after_number = false;
        }
        c++;
    }
}

/* 'rgb(  0, 114, 178)', '#0072b2' or 'black' as the page's variable. */
static void add_colour(lsn_text *html, piece p)
{
    char word[32], name[COLOUR_NAME_BYTES];
    int red, green, blue, rgb = 0;
    snprintf(word, sizeof word, "%.*s", (int)p.length, p.start);
    if (sscanf(word, "rgb(%d,%d,%d)", &red, &green, &blue) == 3)
        rgb = (red & 0xff) << 16 | (green & 0xff) << 8 | (blue & 0xff);
    else if (word[0] == '#')
        rgb = (int)strtol(word + 1, NULL, 16) & 0xffffff;
    else if (strcmp(word, "black") != 0) {
        lsn_text_add(html, "none");
        return;
    }
    if (colour_name(rgb, name)[0] != '\0')
        lsn_text_add(html, "var(--%s)", name);
    else
        lsn_text_add(html, "#%06x", rgb);
}

/* Begins the element with what is kept of the tag's attributes. */
static void begin_element(lsn_text *html, const char *name, const tag *t)
{
    static const char *const colours[] = {"fill", "stroke"}, *const places[] = {"transform", "d", "points"},
                             *const others[] = {"fill-opacity",     "stroke-opacity", "stroke-width",
                                                "stroke-dasharray", "font-size",      "text-anchor"};
    lsn_text_add(html, "<%s", name);
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++) {
        const piece value = attribute(t, colours[i]);
        if (value.length > 0 && !is(value, "currentColor")) {
            lsn_text_add(html, " %s=\"", colours[i]);
            add_colour(html, value);
            lsn_text_add(html, "\"");
        }
    }
    for (size_t i = 0; i < 3 + sizeof others / sizeof *others; i++) {
        const char *key = i < 3 ? places[i] : others[i - 3];
        const piece value = attribute(t, key);
        if (value.length > 0 && !is(value, "1.00")) { /* which is how it is anyway */
            lsn_text_add(html, " %s=\"", key);
            add_value(html, value, i < 3 ? 1 : 2);
            lsn_text_add(html, "\"");
        }
    }
}

/* Ends the mark that is being written, with its words if it has any. */
static void end_mark(rewriter *r, const char *name)
{
    const size_t mark = r->hover < r->n_hovers ? r->marks[r->hover]++ : 0;
    if (r->hover == r->n_hovers || !r->wanted[r->hover]) {
        lsn_text_add(r->html, "/>\n");
        return;
    }
    lsn_text_add(r->html, "><title>");
    page_text(r->html, r->hovers[r->hover].texts[mark]);
    lsn_text_add(r->html, "</title></%s>\n", name);
}

/* All points of ours are circles (pt 6 and 7 of gnuplot's forms, which it counts from 0): open or filled. */
static void write_point(rewriter *r, const tag *t)
{
    double x = 0, y = 0, size = 1;
    sscanf(attribute(t, "transform").start, "translate(%lf,%lf) scale(%lf)", &x, &y, &size);
    const bool open = is(attribute(t, "xlink:href"), "#gpPt5");
    lsn_text_add(r->html, "<circle %s=\"", open ? "stroke-width=\"1.2\" stroke" : "fill");
    add_colour(r->html, attribute(t, "color"));
    lsn_text_add(r->html, "\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"", x, y, size);
    end_mark(r, "circle");
}

static bool open_group(rewriter *r, const tag *t)
{
    const piece id = attribute(t, "id");
    const char *plot = memmem(id.start, id.length, "_plot_", 6);
    if (++r->depth == MAX_DEPTH)
        return false;
    if (plot != NULL) {
        const piece name = {plot + 6, (size_t)(id.start + id.length - plot - 6)};
        r->plot_depth = r->depth;
        for (r->hover = 0; r->hover < r->n_hovers && !is(name, r->hovers[r->hover].plot);)
            r->hover++;
    }
    r->begins[r->depth] = r->html->length;
    begin_element(r->html, "g", t);
    lsn_text_add(r->html, ">");
    r->ends[r->depth] = r->html->length;
    return true;
}

/* A group in which nothing was drawn is left out. */
static bool close_group(rewriter *r)
{
    if (r->depth == 0)
        return false;
    if (r->depth == r->plot_depth) {
        r->plot_depth = 0;
        r->hover = r->n_hovers;
    }
    if (r->html->length == r->ends[r->depth])
        r->html->length = r->begins[r->depth];
    else
        lsn_text_add(r->html, "</g>\n");
    r->depth--;
    return true;
}

static void write_shape(rewriter *r, const tag *t)
{
    if (is(t->name, "use"))
        write_point(r, t);
    else if (is(t->name, "path")) {
        begin_element(r->html, "path", t);
        lsn_text_add(r->html, "/>\n");
    } else if (is(t->name, "polygon")) {
        begin_element(r->html, "polygon", t);
        lsn_text_add(r->html, r->plot_depth > 0 ? "" : " shape-rendering=\"crispEdges\"");
        end_mark(r, "polygon");
    } else if (is(t->name, "text") && !t->empty && *r->at != '<') /* gnuplot has escaped its words */
        lsn_text_add(r->html, "<text>%.*s</text>", (int)strcspn(r->at, "<"), r->at);
}

static bool rewrite(rewriter *r)
{
    tag t;
    bool within = false; /* the definitions before the picture are left out */
    while (next_tag(r, &t)) {
        const bool group = is(t.name, "g");
        within = within || is(attribute(&t, "id"), "gnuplot_canvas");
        if (is(t.name, "defs") && !t.empty && !t.closing && (r->at = strstr(r->at, "</defs>")) == NULL)
            return false;
        if (within && group && !(t.closing ? close_group(r) : open_group(r, &t)))
            return false;
        if (within && !group && !t.closing)
            write_shape(r, &t);
    }
    return within && r->depth == 0;
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

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

/* Twice: only after the first time it is known how many marks each plot has. */
bool svg_rewrite(lsn_text *html, const char *svg, const char *label, const svg_hover *hovers, size_t n_hovers,
                 bool *hovered, lsn_error *err)
{
    size_t *marks = lsn_array(n_hovers, sizeof *marks, err);
    bool *wanted = marks == NULL ? NULL : lsn_array(n_hovers, sizeof *wanted, err);
    bool ok = wanted != NULL, all = true;
    begin_svg(html, svg, label);
    const size_t start = html->length;
    for (int round = 0; ok && round < 2; round++) {
        html->length = start;
        rewriter r = {
            html, svg, .hovers = hovers, .n_hovers = n_hovers, .hover = n_hovers, .marks = marks, .wanted = wanted};
        ok = rewrite(&r) || lsn_fail(err, LSN_FAILED, "gnuplot's answer cannot be read: %.60s", svg);
        for (size_t i = 0; i < n_hovers && round == 0; i++) {
            wanted[i] = marks[i] == hovers[i].count;
            all = all && wanted[i];
            marks[i] = 0;
        }
    }
    lsn_text_add(html, "</svg>\n");
    if (hovered != NULL)
        *hovered = all;
    free(marks);
    free(wanted);
    return ok;
}
