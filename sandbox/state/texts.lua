-- The texts that projects are born with: a few real ones in many scripts, and any number of generated ones,
-- the same in every instance. Only state/keys.lua reads it.
local texts = {}

-- namespace, name, then a text for each language. Some have no text, so that something is missing everywhere.
texts.phrases = {
  { "default", "greeting", { en = "Hello, {name}!", de = "Grüß dich, {name}!", fr = "Bonjour, {name} !",
    it = "Ciao, {name}!", es = "¡Hola, {name}!", ["pt-pt"] = "Olá, {name}!", ["pt-br"] = "Oi, {name}!",
    ["es-mx"] = "¡Qué onda, {name}!", ["fr-ca"] = "Allô, {name} !", ja = "こんにちは、{name}さん！",
    ko = "안녕하세요, {name}님!", ["zh-hans"] = "你好，{name}！", ["zh-hant"] = "你好，{name}！",
    ar = "مَرْحَبًا، {name}!", he = "שָׁלוֹם, {name}!", fa = "سلام، {name}!" } },
  -- The accents are combining marks of their own here: U+0301 and U+0308.
  { "default", "menu.coffee", { en = "Cafe\204\129", de = "Ka\204\136ffchen", fr = "Cafe\204\129", it = "Caffè",
    es = "Cafe\204\129", ja = "カフェ", ar = "قهوة", he = "קפה", ["pt-br"] = "Café", ["zh-hans"] = "咖啡" } },
  { "default", "menu.family", { en = "Family 👨‍👩‍👧‍👦", de = "Familie 👨‍👩‍👧‍👦", fr = "Famille 👨‍👩‍👧‍👦",
    ja = "家族 👨‍👩‍👧‍👦", ar = "عائلة 👨‍👩‍👧‍👦", fa = "خانواده 👨‍👩‍👧‍👦", ["pt-br"] = "Família 👨‍👩‍👧‍👦" } },
  { "home", "title", { en = "Welcome", de = "Willkommen", fr = "Bienvenue", it = "Benvenuti", es = "Bienvenidos",
    ja = "ようこそ", ko = "환영합니다", ar = "أهلاً وسهلاً", he = "ברוכים הבאים", ["zh-hans"] = "欢迎" } },
  { "home", "subtitle", { en = "Line one\nline two\tand a \"quote\" \\ slash", ja = "一行目\n二行目", ar = "سطر\nسطر" } },
  { "checkout", "pay.now", { en = "Pay now", de = "Jetzt zahlen", fr = "Payer", ja = "今すぐ支払う",
    ar = "ادفع الآن", he = "שלם עכשיו", ["es-mx"] = "Pagar ahora", ["pt-pt"] = "Pagar agora" } },
  { "checkout", "pay.later", { en = "Pay later", de = "Später zahlen", fr = "Payer plus tard", ja = "後で支払う",
    ar = "ادفع لاحقًا" } },
  { "checkout", "total", { en = "Total: {sum} €", de = "Summe: {sum} €", ja = "合計：{sum} 円", ar = "المجموع: {sum}" } },
}

texts.namespaces = { "default", "home", "checkout", "account", "search", "errors", "mail", "legal", "admin", "help" }

-- The n-th generated key: namespace, name, and the text for a language; nil where it is missing.
function texts.generated(n)
  local namespace = texts.namespaces[n % #texts.namespaces + 1]
  return namespace, string.format("section%02d.item%05d", n % 40, n)
end

function texts.generated_text(n, language, is_source)
  if not is_source and (n + #language) % 10 == 0 then return nil end
  local phrase = texts.phrases[n % #texts.phrases + 1][3]
  return string.format("%s %d", phrase[language] or phrase.en .. " [" .. language .. "]", n)
end

return texts
