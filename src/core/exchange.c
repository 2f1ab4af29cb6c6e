/* The state machine of one request (src/core/exchange.h). What an answer means stands in judge.c; here stands when to
 * send again: full jitter from 0.5 s doubling to 8 s, or Retry-After, always inside the deadline (DESIGN.md). */
#include "core/exchange.h"

#define BACKOFF_FIRST 500
#define BACKOFF_MOST 8000
#define REPLAY_WITHIN 2000
#define REPLAYS 1

void bi_exchange_init(bi_exchange *exchange) {
    *exchange = (bi_exchange){0};
    bi_wire_request_init(&exchange->request);
    bi_wire_answer_init(&exchange->answer);
    bi_failure_init(&exchange->failure);
}

void bi_exchange_clear(bi_exchange *exchange) {
    bi_wire_request_clear(&exchange->request);
    bi_wire_answer_clear(&exchange->answer);
    bi_failure_clear(&exchange->failure);
}

void bi_exchange_restart(bi_exchange *exchange) {
    bi_wire_request_clear(&exchange->request);
    bi_wire_answer_clear(&exchange->answer);
    bi_failure_clear(&exchange->failure);
    exchange->state = BI_EXCHANGE_READY;
    exchange->replays = 0;
    exchange->retries = 0;
    exchange->lost = false;
}

static bi_need end(bi_exchange *x) {
    x->state = BI_EXCHANGE_ENDED;
    return BI_NEED_DONE;
}

static bi_need sleep_until(bi_exchange *x, int64_t time) {
    x->wake = time;
    x->state = BI_EXCHANGE_GATED;
    return BI_NEED_SLEEP;
}

static bi_need send_now(bi_exchange *x, bi_now now) {
    x->attempts++;
    x->sent_at = now.mono;
    x->wake = x->deadline;
    x->state = BI_EXCHANGE_SENDING;
    x->knows_request_id = false;
    bi_wire_answer_clear(&x->answer);
    x->answer.body.secret = !x->is_public;
    return BI_NEED_SEND;
}

static bi_need ready(bi_exchange *x, bi_now now) {
    int64_t gate = x->account ? x->account->gate : 0;
    if (x->lost && (now.mono >= x->replay_before || gate > now.mono))
        return end(x);
    if (now.mono >= x->deadline) {
        if (!bi_failure_is_set(&x->failure)) {
            bi_failure_set(&x->failure, BI_CODE_TIMEOUT,
                           "the time was over before the request could be sent; try again, or "
                           "raise the option timeout");
            x->failure.retryable = true;
        }
        return end(x);
    }
    if (gate > now.mono) {
        if (gate < x->deadline)
            return sleep_until(x, gate);
        bi_failure_clear(&x->failure);
        bi_failure_set(&x->failure, BI_CODE_RATE,
                       "the service asked for a pause that is longer than this call may take; try "
                       "again after retry_after seconds");
        x->failure.retryable = true;
        x->failure.retry_after = gate - now.mono;
        x->failure.attempts = x->attempts;
        return end(x);
    }
    if (x->config->on_request) {
        x->state = BI_EXCHANGE_BEFORE;
        return BI_NEED_BEFORE;
    }
    return send_now(x, now);
}

/* How long to wait before the next try; -1: there is none. */
static int64_t pause(bi_exchange *x, double random) {
    /* Prompt, or not at all: a server that tolerates a replay does so for seconds. One that never left is no replay. */
    if (x->lost && x->answer.sent)
        return x->replays++ < REPLAYS ? (int64_t)(random * BACKOFF_FIRST) : -1;
    if (x->max_retries == 0)
        return -1;
    unsigned doubled = x->retries > 4 ? 4 : x->retries;
    x->retries++;
    x->max_retries--;
    if (x->failure.retry_after >= 0)
        return x->failure.retry_after;
    int64_t most = BACKOFF_FIRST << doubled;
    return (int64_t)(random * (double)(most < BACKOFF_MOST ? most : BACKOFF_MOST));
}

/* The answer was judged and the hook has run: over, or once more. */
static bi_need settle(bi_exchange *x, const bi_input *input) {
    if (!bi_failure_is_set(&x->failure))
        return end(x);
    int64_t wait = x->again ? pause(x, input->random) : -1;
    int64_t wake = bi_time_add(input->now.mono, wait);
    if (wait < 0 || wake >= x->deadline || (x->lost && wake >= x->replay_before))
        return end(x);
    return sleep_until(x, wake);
}

/* Only a complete refusal says that the refresh token was not spent. */
static void note_loss(bi_exchange *x) {
    const bi_wire_answer *answer = &x->answer;
    bool refused =
        answer->trouble == BI_TROUBLE_NONE && answer->status >= 300 && answer->status < 500;
    if (x->safety != BI_SAFETY_REFRESH || !answer->sent || refused || x->lost)
        return;
    x->lost = true;
    x->replay_before = bi_time_add(x->sent_at, REPLAY_WITHIN);
}

static void close_gate(bi_exchange *x, bi_now now) {
    int64_t until = bi_time_add(now.mono, x->failure.retry_after);
    if (x->account && x->account->gate < until)
        x->account->gate = until;
}

static bi_need answered(bi_exchange *x, const bi_input *input) {
    x->took = input->now.mono - x->sent_at;
    x->again = bi_judge(x, input->now);
    if (bi_failure_is_set(&x->failure))
        note_loss(x);
    /* A tool's own pause (with status 200) is for that tool, not for the whole key. */
    bool limited = x->answer.status == 429 ||
                   (x->answer.status >= 300 && bi_failure_is(&x->failure, BI_CODE_RATE));
    if (limited && x->failure.retry_after > 0)
        close_gate(x, input->now);
    if (!x->config->on_response)
        return settle(x, input);
    x->state = BI_EXCHANGE_AFTER;
    return BI_NEED_AFTER;
}

bi_need bi_exchange_step(bi_exchange *exchange, const bi_input *input) {
    switch (exchange->state) {
    case BI_EXCHANGE_READY:
        return ready(exchange, input->now);
    case BI_EXCHANGE_GATED:
        if (input->now.mono < exchange->wake)
            return BI_NEED_SLEEP;
        return ready(exchange, input->now);
    case BI_EXCHANGE_BEFORE: /* the hook may have taken its time */
        return bi_exchange_is_late(exchange, input->now) ? ready(exchange, input->now)
                                                         : send_now(exchange, input->now);
    case BI_EXCHANGE_SENDING:
        return answered(exchange, input);
    case BI_EXCHANGE_AFTER:
        return settle(exchange, input);
    case BI_EXCHANGE_ENDED:
        break;
    }
    return BI_NEED_DONE;
}
