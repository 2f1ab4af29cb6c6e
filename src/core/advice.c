/* Words and what helps against what they say (src/core/advice.h). libcurl has one number for all that is wrong with a
 * certificate; the words are those of OpenSSL, GnuTLS and libcurl, of nginx and Apache. */
#include "core/advice.h"

#include <stddef.h>
#include <string.h>

#define CLIENT_CERTIFICATE                                                                         \
    "give a client certificate that the server accepts in cert_file and key_file"
#define DATES                                                                                      \
    "check this machine's clock; if it is right, the server's certificate has to be replaced"
#define HOST                                                                                       \
    "check the host in the URL (base_url or another host option): the server's certificate is "    \
    "for another one"
#define AUTHORITY                                                                                  \
    "name the authority that signed the server's certificate in ca_file, if it is one of your own"
#define PLAIN "check the host options: the port does not speak https; is it a plain http one?"
#define SECURE "check the host options: the port speaks https, not plain http"

typedef struct hint {
    const char *words, *advice;
} hint;

/* In this order: an alert is the server's word about our certificate, not ours about its. */
static const hint tls_hints[] = {
    {"alert certificate", CLIENT_CERTIFICATE},
    {"alert bad certificate", CLIENT_CERTIFICATE},
    {"alert unknown ca", CLIENT_CERTIFICATE},
    {"expired", DATES},
    {"expiration", DATES},
    {"not yet valid", DATES},
    {"not activated", DATES},
    {"target host", HOST},
    {"issuer", AUTHORITY},
    {"self-signed", AUTHORITY},
    {"self signed", AUTHORITY},
    {"verification failed", AUTHORITY},
    {"wrong version number", PLAIN},
    {"unknown protocol", PLAIN},
    {"packet length too long", PLAIN},
    {"unexpected TLS packet", PLAIN},
};

static const hint page_hints[] = {
    {"No required SSL certificate", CLIENT_CERTIFICATE},
    {"The SSL certificate error", CLIENT_CERTIFICATE},
    {"plain HTTP request was sent to HTTPS port", SECURE},
    {"speaking plain HTTP to an SSL-enabled server port", SECURE},
};

static const char *find(const hint *hints, size_t count, const char *text) {
    for (size_t i = 0; i < count; i++)
        if (strstr(text, hints[i].words))
            return hints[i].advice;
    return NULL;
}

const char *bi_advice_on_tls(const char *detail) {
    const char *advice = find(tls_hints, sizeof tls_hints / sizeof tls_hints[0], detail);
    return advice ? advice : "check the host options, and name an authority of your own in ca_file";
}

const char *bi_advice_on_page(const char *body) {
    return find(page_hints, sizeof page_hints / sizeof page_hints[0], body);
}
