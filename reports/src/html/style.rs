//! The look of the pages.

use crate::plot::page_css;

const BASE: &str = "
:root{color-scheme:light dark;--bg:#f7f7f5;--card:#fff;--text:#1b1f24;--muted:#565f69;--line:#dfe3e8;
--accent:#0b6aa3;--good:#00704e;--bad:#b03a00;--bar:#cfe3f1}
@media (prefers-color-scheme:dark){:root{--bg:#11151a;--card:#191f26;--text:#e8ebef;--muted:#a3adb8;
--line:#323a43;--accent:#7cc8f2;--good:#2fc39a;--bad:#f58b4c;--bar:#23455c}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--text);font:16px/1.5 system-ui,-apple-system,'Segoe UI',
Roboto,'Helvetica Neue',Arial,sans-serif}
main,header,footer{max-width:1040px;margin:0 auto;padding:0 20px}
header{padding-top:36px}
h1{font-size:1.9rem;line-height:1.2;margin:0;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:44px 0 12px;letter-spacing:-.005em}
h3{font-size:1rem;margin:0 0 4px}
p{margin:0;overflow-wrap:anywhere}
.over{color:var(--muted);font-size:.82rem;letter-spacing:.04em;margin-bottom:4px}
.lead{font-size:1.08rem;color:var(--muted);margin-top:6px;max-width:46em}
.facts{color:var(--muted);font-size:.9rem;margin-top:10px}
nav{margin-top:14px;font-size:.9rem;display:flex;flex-wrap:wrap;gap:4px 18px}
a{color:var(--accent);text-underline-offset:2px}
a:focus-visible,summary:focus-visible,[tabindex]:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.cards{display:grid;grid-template-columns:1fr 1fr 1.25fr;gap:16px;margin-top:26px}
.card,figure,.sheet{background:var(--card);border:1px solid var(--line);border-radius:10px}
.card{padding:18px 20px 20px}
.card h2{margin:0;font-size:.86rem;font-weight:600;color:var(--muted);letter-spacing:0}
.big{font-size:1.9rem;font-weight:650;line-height:1.2;margin:6px 0 10px;letter-spacing:-.015em;
font-variant-numeric:tabular-nums}
.big.long{font-size:1.3rem;letter-spacing:-.005em}
.good{color:var(--good)}.bad{color:var(--bad)}
.card ul{list-style:none;margin:0;padding:0}
.card li{padding:7px 0;border-top:1px solid var(--line);font-size:.94rem}
.card li:first-child{border-top:0;padding-top:0}
.card li b{font-weight:600}
.small{font-size:.86rem;color:var(--muted)}
figure{margin:0 0 18px;padding:16px 18px 8px;overflow:hidden}
figcaption p{color:var(--muted);font-size:.92rem;max-width:62em}
figure svg{display:block;width:100%;height:auto;margin-top:8px}
figure svg text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}
.narrow{display:none}
.sheet{overflow-x:auto;margin-bottom:18px}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:14px 16px 6px;font-weight:600}
caption span{display:block;font-weight:400;color:var(--muted);font-size:.88rem}
th,td{padding:7px 8px;text-align:left;border-top:1px solid var(--line);vertical-align:top}
th:first-child,td:first-child{padding-left:16px}
th:last-child,td:last-child{padding-right:16px}
thead th{color:var(--muted);font-weight:600;font-size:.82rem;border-top:0;vertical-align:bottom}
tbody th{font-weight:600;overflow-wrap:break-word;min-width:6.5em;max-width:24em}
.num{text-align:right}td.num{white-space:nowrap}
tfoot td,tfoot th{font-weight:600}
.share{min-width:110px}
.bar{display:block;height:8px;border-radius:4px;background:var(--bar);margin-top:7px;min-width:2px}
.time{white-space:nowrap;color:var(--muted)}th~.time{white-space:normal}
.message{overflow-wrap:anywhere;min-width:16em}
details{margin-bottom:18px}.card details{margin:6px 0 0}.card details ul{padding-top:4px}
summary{cursor:pointer;color:var(--accent);padding:6px 0}
.warn{border-left:4px solid var(--bad);padding:10px 16px;margin-bottom:18px}
.warn ul{margin:4px 0 0;padding-left:20px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:6px 20px;margin:0;padding:14px 16px;font-size:.92rem}
dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.92em}
footer{color:var(--muted);font-size:.86rem;padding-top:24px;padding-bottom:40px}
@media (max-width:860px){.cards{grid-template-columns:1fr;gap:12px}}
@media (max-width:640px){main,header,footer{padding-left:12px;padding-right:12px}
header{padding-top:20px}h1{font-size:1.5rem}.wide{display:none!important}.narrow{display:block}
figure{padding:14px 10px 4px}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:8px}}
@media print{:root{--bg:#fff;--card:#fff;--text:#000;--muted:#444;--line:#bbb;--accent:#000;--good:#00573c;
--bad:#8f2f00;--bar:#ccc}body{font-size:11pt}nav,summary{display:none}
.card,figure,tr{break-inside:avoid}.cards{grid-template-columns:repeat(3,1fr)}.wide{display:block!important}
.narrow{display:none!important}.sheet{overflow:visible}h2{break-after:avoid}}
";

/// The style sheet of all pages.
pub(super) fn css() -> String {
    let base: String = BASE.lines().collect();
    format!(
        "{base}{}@media screen and (prefers-color-scheme:dark){{{}}}",
        page_css("figure svg", false),
        page_css("figure svg", true)
    )
}
