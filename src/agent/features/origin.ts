/**
 * What a web origin is made of: host, public suffix, registrable label, subdomains. Pure string work, no network.
 */
import { domainToUnicode } from 'node:url';

/** A host taken apart. `label` is the name that was registered (the second-level label), `suffix` what it was registered under. */
export interface OriginParts {
  /** Lower case, no scheme, port, path or leading `www.`; at most 253 characters. */
  readonly host: string;
  /** The registered name, e.g. `example` of `shop.example.co.uk`. The whole host if it has no dot or is an IP address. */
  readonly label: string;
  /** E.g. `co.uk`, `pages.dev`; empty if the host has no dot or is an IP address. */
  readonly suffix: string;
  /** Labels left of the registered name, outermost first. */
  readonly subdomains: readonly string[];
}

/** Longest host that DNS allows (RFC 1035, 2.3.4). */
const MAX_HOST_CHARS = 253;

/** Under these second-level names of country domains, names are registered one level further down. */
const COUNTRY_SECOND_LEVEL = new Set([
  'ac',
  'co',
  'com',
  'edu',
  'gen',
  'go',
  'gob',
  'gov',
  'ne',
  'net',
  'nom',
  'or',
  'org',
  'web',
]);

/** Suffixes under which anyone can get a name: hosting platforms, and second-level domains sold like top-level ones. */
const OPEN_SUFFIXES = new Set(
  `000webhostapp.com amazonaws.com appspot.com aqq.ru az.com azureedge.net azurewebsites.net bitballoon.com blogspot.com
  br.com cloudfront.net cn.com co.com co.nl co.no com.de com.se czweb.org de.com
  domen-hosting.org droppages.com epizy.com eu.com eu.org firebaseapp.com fleek.co getforge.io github.io gitlab.io glitch.me
  gr.com herokuapp.com hu.com in.net jp.net jpn.com kissr.com loca.lt mex.com neocities.org net.ru netlify.app netlify.com ngrok.io
  onrender.com org.ru pages.dev paperplane.io pp.ru pp.ua r2.dev repl.co rf.gd ru.com sa.com se.net square.site surge.sh tumblr.com
  typeform.com uk.com uk.net updog.co us.com vercel.app web.app webcindario.com webflow.io webhostbox.net weebly.com wixsite.com
  wordpress.com workers.dev xf.cz za.com`.split(/\s+/),
);

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;

/** Longest origin that is read: a scheme, a user and a host fit, and no pattern below gets slow. */
const MAX_ORIGIN_CHARS = 512;

/**
 * The host of a URL or a bare host, in lower case without `www.`. Empty for an empty origin and for one that is too long to
 * be one: cut off, `….google.com` + `.evil.example` would pass for Google.
 */
export function hostOf(origin: string): string {
  if (origin.length > MAX_ORIGIN_CHARS) return '';
  const afterScheme = origin
    .trim()
    .toLowerCase()
    .replace(/^[a-z][a-z0-9+.-]*:\/\//, '');
  const authority = afterScheme.split(/[/?#\\]/, 1)[0] ?? '';
  const host = authority
    .slice(authority.lastIndexOf('@') + 1)
    .replace(/:\d*$/, '')
    .replace(/\.+$/, '')
    .replace(/^www\./, '');
  return host.length > MAX_HOST_CHARS ? '' : host;
}

/** Takes an origin apart. Unknown suffixes are the last label, as the public suffix list's default rule has it. */
export function partsOf(origin: string): OriginParts {
  const host = hostOf(origin);
  const labels = host.split('.');
  if (labels.length < 2 || IPV4.test(host)) return { host, label: host, suffix: '', subdomains: [] };
  const top = labels.at(-1) ?? '';
  const second = labels.at(-2) ?? '';
  const isOpen = OPEN_SUFFIXES.has(`${second}.${top}`) || (top.length === 2 && COUNTRY_SECOND_LEVEL.has(second));
  const suffixLabels = isOpen && labels.length > 2 ? 2 : 1;
  return {
    host,
    label: labels.at(-1 - suffixLabels) ?? host,
    suffix: labels.slice(-suffixLabels).join('.'),
    subdomains: labels.slice(0, -1 - suffixLabels),
  };
}

/** Letters of other scripts that are drawn like Latin ones, and how phishing names spell them. Not complete; Unicode TR 39 is. */
// biome-ignore format: a table reads better packed
const LOOKALIKES: Readonly<Record<string, string>> = {
  а: 'a', ɑ: 'a', α: 'a', в: 'b', ь: 'b', с: 'c', ϲ: 'c', ԁ: 'd', ɗ: 'd', е: 'e', є: 'e', ɛ: 'e', ғ: 'f', ɡ: 'g', һ: 'h', н: 'h',
  і: 'i', ı: 'i', ɩ: 'i', ι: 'i', ј: 'j', к: 'k', κ: 'k', ĸ: 'k', ӏ: 'l', ł: 'l', м: 'm', ո: 'n', п: 'n', η: 'n', о: 'o', ο: 'o', ø: 'o',
  օ: 'o', р: 'p', ρ: 'p', г: 'r', ѕ: 's', т: 't', τ: 't', υ: 'u', ս: 'u', ν: 'v', ѵ: 'v', ԝ: 'w', ѡ: 'w', ω: 'w', х: 'x', у: 'y', ү: 'y', ƴ: 'y', ᴢ: 'z',
};

/** The Latin letters that a punycode name looks like (`xn--bnnce-c51bsf` → `binance`-like); other names unchanged. */
export function skeletonOf(host: string): string {
  if (!host.includes('xn--')) return host;
  const unicode = domainToUnicode(host) || host;
  let skeleton = '';
  for (const char of unicode.normalize('NFKD')) {
    if (/\p{Mn}/u.test(char)) continue;
    skeleton += LOOKALIKES[char] ?? char;
  }
  return skeleton;
}

const SPELLINGS: readonly (readonly [RegExp, string])[] = [
  [/rn/g, 'm'],
  [/vv/g, 'w'],
  [/[1lj|]/g, 'i'],
  [/0/g, 'o'],
  [/3/g, 'e'],
  [/4/g, 'a'],
  [/5/g, 's'],
  [/(.)\1+/g, '$1'],
  [/[^a-z]/g, ''],
];

/** A name as a hurried reader sees it: digits and pairs that look like letters read as those, doubled letters once, letters only. */
export function foldedOf(name: string): string {
  return SPELLINGS.reduce((text, [spelling, seen]) => text.replace(spelling, seen), name);
}
