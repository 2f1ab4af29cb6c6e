# Certificates of one instance: an authority, a good one for localhost, three bad ones, one for clients.
# Sourced by sandbox/sandbox, which calls make_certificates in the instance's directory.
# Elliptic curve keys, since every start pays for this.

new_key() { # file
  openssl ecparam -name prime256v1 -genkey -noout -out "$1"
}

# Signs a certificate with the authority. Further arguments go to `openssl x509`.
sign() { # name key subject alternative_names extended_use [option...]
  _name=$1 _key=$2 _subject=$3 _names=$4 _use=$5
  shift 5
  openssl req -new -config request.cnf -key "$_key" -subj "/CN=$_subject" -out "$_name.csr"
  printf 'subjectAltName=%s\nextendedKeyUsage=%s\nbasicConstraints=CA:FALSE\n' "$_names" "$_use" >"$_name.ext"
  openssl x509 -req -in "$_name.csr" -CA ca.pem -CAkey ca.key -set_serial "$_serial" \
    -extfile "$_name.ext" -out "$_name.pem" "$@" 2>openssl.err || { cat openssl.err >&2; return 1; }
  _serial=$((_serial + 1))
  rm -f "$_name.csr" "$_name.ext"
}

self_signed() { # name key subject extensions
  openssl req -x509 -new -config request.cnf -extensions "$4" -key "$2" -subj "/CN=$3" -days 365 -out "$1.pem"
}

# Newer openssl releases refuse a negative -days, older ones do not know -not_before.
sign_expired() {
  sign expired server.key localhost "$_local" serverAuth -days -1 2>/dev/null ||
    sign expired server.key localhost "$_local" serverAuth -not_before 20200101000000Z -not_after 20200102000000Z
}

make_certificates() {
  _serial=$(date +%s)00
  _local=DNS:localhost,IP:127.0.0.1
  cat >request.cnf <<-'END'
	[req]
	distinguished_name = name
	prompt = no
	[name]
	[authority]
	basicConstraints = critical,CA:TRUE
	keyUsage = critical,keyCertSign,cRLSign
	subjectKeyIdentifier = hash
	[server]
	basicConstraints = CA:FALSE
	subjectAltName = DNS:localhost,IP:127.0.0.1
	END
  for _key in ca.key server.key client.key; do new_key "$_key" || return 1; done
  self_signed ca ca.key "Better i18n sandbox authority" authority &&
    self_signed self_signed server.key localhost server &&
    sign good server.key localhost "$_local" serverAuth -days 365 &&
    sign wrong_host server.key elsewhere.example DNS:elsewhere.example serverAuth -days 365 &&
    sign client client.key "sandbox client" DNS:client.example clientAuth -days 365 &&
    sign_expired
}
