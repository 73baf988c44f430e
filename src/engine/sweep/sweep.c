/* The rolling pass of the intact network, and what branches off it. */
#include "engine/engine_internal.h"

#include <math.h>
#include <string.h>

/* ---- what is asked for --------------------------------------------------------------------------------------- */

/* The layer that an ablation masks first; NULL where it masks nothing. */
static const engine_layer *first_layer(const lsn_engine *engine, const lsn_ablation *ablation)
{
    return ablation->mask.count == 0 ? NULL : &engine->program->layers[ablation->mask.parts[0].layer];
}

/* Whether some ablation branches off in the segment. */
static bool anyone_branches(const lsn_engine *engine, int segment)
{
    const lsn_engine_request *r = engine->request;
    for (int a = 0; a < r->n_ablations; a++) {
        const engine_layer *first = first_layer(engine, r->ablations[a]);
        if (first != NULL && first->branch == segment)
            return true;
    }
    return false;
}

/* The last segment where an ablation branches off; 0 where none does. */
static int last_branch(const lsn_engine *engine)
{
    const lsn_engine_request *r = engine->request;
    int last = 0;
    for (int a = 0; a < r->n_ablations; a++) {
        const engine_layer *first = first_layer(engine, r->ablations[a]);
        if (first != NULL && first->branch > last)
            last = first->branch;
    }
    return last;
}

/* The last segment whose values some ablation wants of donors; -1 where none does. One of several layers goes on from
 * there with its own. */
static int last_donors(const lsn_engine *engine)
{
    const lsn_engine_request *r = engine->request;
    const engine_program *program = engine->program;
    int last = -1;
    for (int a = 0; a < r->n_ablations; a++) {
        const engine_layer *first = first_layer(engine, r->ablations[a]);
        if (first == NULL || r->ablations[a]->mode != LSN_RESAMPLE)
            continue;
        const int wanted = r->ablations[a]->mask.count > 1
                               ? first->branch
                               : program->steps[program->values[first->seen].producer].segment;
        last = wanted > last ? wanted : last;
    }
    return last;
}

/* ---- rolling ------------------------------------------------------------------------------------------------- */

/* The rest of the intact network goes as pairs of SWEEP_INTACT once nothing branches off any more: full stacks serve it
 * too. The segment on `count` images, at most sub_block, into the next one's queue. */
static bool roll_into_queue(lsn_engine *engine, int segment, int count, lsn_error *err)
{
    const engine_value *in = &engine->program->values[engine->program->segments[segment].input];
    const float *x = engine->flow[FLOW_INTACT][engine->program->segments[segment].input].data;
    const int most = LSN_MIN(count, engine->queues[segment + 1].stack);
    for (int at = 0; at < count; at += most) {
        const int here = LSN_MIN(count - at, most);
        engine_tensor *flow = engine->flow[FLOW_STACK];
        sweep_pair *pairs;
        float *to = sweep_push(engine, segment + 1, here, &pairs);
        engine_set(engine, flow, engine->program->segments[segment].input, x + (size_t)at * in->floats);
        engine_run_segment(engine, segment, &(engine_places){.flow = flow, .out = to}, here);
        for (int i = 0; i < here; i++)
            pairs[i] = (sweep_pair){SWEEP_INTACT, engine->first + at + i};
        if (!sweep_pushed(engine, segment + 1, here, err))
            return false;
    }
    return true;
}

/* All ablations that branch off in the segment, whose values are in the flows. */
static bool branch_all(lsn_engine *engine, int segment, int count, lsn_error *err)
{
    const lsn_engine_request *r = engine->request;
    int most = count;
    if (segment + 1 < engine->program->n_segments)
        most = LSN_MIN(most, engine->queues[segment + 1].stack);
    for (int a = 0; a < r->n_ablations; a++) {
        const engine_layer *first = first_layer(engine, r->ablations[a]);
        if (first == NULL || first->branch != segment)
            continue;
        for (int at = 0; at < count; at += most)
            if (!engine_go_on(r->stop, r->context, err) ||
                !sweep_branch_off(engine, a, engine->first + at, LSN_MIN(count - at, most), err))
                return false;
    }
    return true;
}

static bool check_finite(const lsn_engine_request *r, int classes, lsn_error *err)
{
    for (size_t i = 0; i < (size_t)r->n * (size_t)classes; i++)
        if (!isfinite(r->baseline[i]))
            return lsn_fail(err, LSN_INVALID,
                            "image %d of the block: a logit of the intact network is not a finite number; check the "
                            "weights, the image and its preprocessing",
                            (int)(i / (size_t)classes));
    return true;
}

/* Where the intact network's values of a segment go. */
static engine_places intact_places(lsn_engine *engine, int segment, float *out)
{
    engine_places places = {.flow = engine->flow[FLOW_INTACT], .out = out, .inner = engine->inner};
    const int seen = engine->program->values[engine->program->segments[segment].output].seen;
    if (segment == engine->program->n_segments - 1)
        places.out = sweep_logits(engine, (sweep_pair){SWEEP_INTACT, engine->first});
    else if (engine->request->drift != NULL && seen >= 0)
        places.out = engine->kept[seen];
    if (engine->request->drift != NULL)
        places.kept = engine->kept;
    return places;
}

/* All of the intact network, ahead of what branches off. */
static bool keep(lsn_engine *engine, const float *x, int count, lsn_error *err)
{
    engine_set(engine, engine->flow[FLOW_INTACT], 0, x);
    for (int s = 0, turn = 0; s < engine->program->n_segments; s++, turn = !turn) {
        const engine_places places = intact_places(engine, s, engine->rolled[turn]);
        if (!engine_go_on(engine->request->stop, engine->request->context, err))
            return false;
        engine_run_segment(engine, s, &places, count);
    }
    sweep_find_norms(engine, count);
    return true;
}

/* Images first .. first+count-1, at x. */
static bool roll(lsn_engine *engine, const float *x, int count, lsn_error *err)
{
    const lsn_engine_request *r = engine->request;
    const int last = engine->program->n_segments - 1, branches = last_branch(engine), donors = last_donors(engine);
    const bool kept = r->drift != NULL;
    if (kept && !keep(engine, x, count, err))
        return false;
    engine_set(engine, engine->flow[FLOW_INTACT], 0, x);
    if (donors >= 0)
        engine_set(engine, engine->flow[FLOW_DONORS], 0,
                   r->donors + (size_t)engine->first * engine->program->values[0].floats);
    for (int s = 0, turn = 0; s <= last; s++, turn = !turn) {
        const bool begins = anyone_branches(engine, s);
        const int output = engine->program->segments[s].output;
        engine_places places = intact_places(engine, s, engine->rolled[turn]);
        if (!engine_go_on(r->stop, r->context, err))
            return false;
        if (!kept && s > 0 && s < last && s > branches)
            return roll_into_queue(engine, s, count, err);
        places.z = begins ? engine->z : NULL;
        if (!kept || begins || engine->program->values[output].seen < 0)
            engine_run_segment(engine, s, &places, count);
        else
            engine_set(engine, places.flow, output, places.out);
        if (s <= donors)
            engine_run_segment(engine, s,
                               &(engine_places){.flow = engine->flow[FLOW_DONORS],
                                                .out = engine->donor[turn],
                                                .inner = engine->donor_inner[0]},
                               count);
        if (begins && !branch_all(engine, s, count, err))
            return false;
    }
    return !kept || sweep_flush(engine, err); /* what is kept is of these images */
}

/* ---- a request ----------------------------------------------------------------------------------------------- */

/* Ablations that remove nothing. */
static void copy_baselines(const lsn_engine_request *r, int classes)
{
    const size_t block = (size_t)r->n * (size_t)classes;
    for (int a = 0; a < r->n_ablations; a++)
        if (r->ablations[a]->mask.count == 0)
            memcpy(r->logits + (size_t)a * block, r->baseline, block * sizeof(float));
}

/* Pairs are computed together, so an ablation's time is its share of all by its predicted work. */
static void share_seconds(const lsn_engine *engine, const lsn_engine_request *r, double seconds)
{
    double all = engine_madds(engine->program, &(lsn_ablation){.mask = {0}});
    for (int a = 0; a < r->n_ablations; a++) {
        r->seconds[a] = r->ablations[a]->mask.count == 0 ? 0 : engine_madds(engine->program, r->ablations[a]);
        all += r->seconds[a];
    }
    for (int a = 0; a < r->n_ablations; a++)
        r->seconds[a] *= seconds / all;
}

static bool run_all(lsn_engine *engine, lsn_error *err)
{
    const lsn_engine_request *r = engine->request;
    const size_t image = engine->program->values[0].floats;
    for (int s = 0; s < engine->program->n_segments; s++)
        engine->queues[s].count = 0; /* a run that was stopped may have left some */
    for (int begin = 0; begin < r->n; begin += engine->sub_block) {
        engine->first = begin;
        if (!roll(engine, r->images + (size_t)begin * image, LSN_MIN(r->n - begin, engine->sub_block), err))
            return false;
    }
    return sweep_flush(engine, err) && check_finite(r, engine->net->classes, err);
}

bool lsn_engine_run(lsn_engine *engine, const lsn_engine_request *request, lsn_error *err)
{
    if (!engine_check_request(engine, request, err))
        return false;
    const double began = lsn_now_s();
    const size_t rows = (size_t)request->n_ablations * (size_t)engine->net->n_layers;
    for (size_t i = 0; request->drift != NULL && i < rows * (size_t)request->n; i++)
        request->drift[i] = 0;
    engine->request = request;
    const bool ok = run_all(engine, err);
    engine->request = NULL;
    if (ok)
        copy_baselines(request, engine->net->classes);
    engine->profile.run_s += lsn_now_s() - began;
    if (ok && request->seconds != NULL)
        share_seconds(engine, request, lsn_now_s() - began);
    return ok;
}
