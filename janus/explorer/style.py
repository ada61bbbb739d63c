"""The look of the screen. JupyterLab's own variables give the colours, so it is light or dark as the page is."""

# The sentence has the room of a long one, four to seven lines, so that figures stay where they are.
# Text and lines of the figures follow the theme as well.
CSS = """
.janus-explorer { color: var(--jp-ui-font-color1, #222); --janus-line: var(--jp-border-color2, #bbb);
  font-family: var(--jp-ui-font-family, sans-serif); overflow: hidden; padding: 2px 0; container-type: inline-size; }
.janus-explorer .widget-html-content { line-height: 1.35; }
.janus-banner div[role=alert] { border: 1px solid var(--jp-error-color1, #d32f2f); border-left-width: 6px;
  padding: 5px 10px; margin-bottom: 6px; color: var(--jp-ui-font-color1, #222); }
.janus-banner div[role=alert]::before { content: "\\26A0  "; }
.janus-banner pre { max-height: 160px; overflow: auto; font-size: 11px; }
.janus-sentence { margin: 0 0 4px 0; }
.janus-sentence .widget-html-content > div { border-left: 4px solid #0072B2; padding: 2px 0 2px 10px;
  font-size: 13.5px; line-height: 1.42; min-height: 119px; box-sizing: border-box; }
.janus-sentence .unmet > b:first-child::before { content: "\\2715  "; color: #D55E00; }
.janus-sentence .met > b:first-child::before { content: "\\2713  "; color: #009E73; }
.janus-explorer .stale { opacity: .45; font-style: italic; }
.janus-controls { border-right: 1px solid var(--janus-line); padding-right: 8px; }
.janus-controls .widget-label, .janus-controls label { color: var(--jp-ui-font-color1, #222); }
.janus-controls .widget-hbox { align-items: center; }
.janus-heading { margin: 5px 0 0 0; }
.janus-heading .widget-html-content { font-size: 11px; font-weight: 600; letter-spacing: .04em; line-height: 1.3;
  text-transform: uppercase; color: var(--jp-ui-font-color2, #666); border-bottom: 1px solid var(--janus-line); }
.janus-unit .widget-html-content { font-size: 11px; line-height: 28px; color: var(--jp-ui-font-color2, #666); }
.janus-own .widget-html-content { line-height: 25px; white-space: nowrap; overflow: hidden; }
.janus-own span { display: inline-block; width: 74px; text-align: right; margin: 0 8px 0 2px; }
.janus-explorer .janus-wrong input { outline: 2px solid var(--jp-error-color1, #d32f2f); }
.janus-explorer input:focus, .janus-explorer select:focus, .janus-explorer button:focus-visible,
.janus-explorer .noUi-handle:focus { outline: 2px solid #E69F00 !important; outline-offset: 1px; }
.janus-note { margin: 0; }
.janus-note .widget-html-content { font-size: 11.5px; line-height: 1.3; color: var(--jp-ui-font-color2, #666); }
.janus-busy { display: inline-block; width: 9px; height: 9px; margin-right: 6px; border-radius: 50%;
  border: 2px solid #E69F00; border-top-color: transparent; animation: janus-turn 1s steps(8) infinite; }
@keyframes janus-turn { to { transform: rotate(360deg); } }
@media (prefers-reduced-motion: reduce) { .janus-busy { animation: none; background: #E69F00; } }
.janus-explorer .janus-stage { display: grid !important; grid-template-columns: minmax(0, 61fr) minmax(0, 39fr);
  grid-auto-flow: column; grid-template-rows: auto minmax(0, 1fr); min-width: 0; }
.janus-figures { min-width: 0; overflow: hidden; }
.janus-picture { min-width: 0; overflow: hidden; align-self: stretch; }
.janus-picture .pair { display: flex; gap: 8px; margin: 0; }
.janus-picture .pair figure { margin: 0; flex: 1 1 0; min-width: 0; max-width: clamp(96px, 8vw, 210px); }
.janus-picture .pair img { width: 100%; display: block; }
.janus-picture figcaption { font-size: 11px; line-height: 1.3; padding-top: 2px; }
.janus-course .janus-figures { flex: 1 1 0; width: 0; height: 404px; }
.janus-explorer .janus-hidden.janus-hidden { display: none !important; }
.janus-tabs { align-items: center; margin: 0; }
.janus-views .widget-toggle-button { margin: 0 2px 0 0; line-height: 22px; height: 24px; }
.janus-views .widget-toggle-button.mod-active::before { content: "\\25B8  "; }
.janus-course-menus { align-items: center; }
.janus-policies table { border-collapse: collapse; width: 100%; font-size: 11px; line-height: 1.3; }
.janus-policies caption { text-align: left; font-size: 13.5px; font-weight: 600; padding-bottom: 3px; }
.janus-policies th, .janus-policies td { padding: 1px 2px; text-align: right; white-space: nowrap; font-weight: 400;
  background: transparent; border: 0; border-bottom: 1px solid var(--janus-line); }
.janus-policies th[scope=row] { text-align: left; }
.janus-policies thead th:first-child { text-align: left; }
.janus-policies thead th { font-weight: 600; vertical-align: bottom; }
.janus-policies td b { font-weight: 700; }
.janus-policies tr.chosen th, .janus-policies tr.chosen td { font-weight: 700;
  background: var(--jp-layout-color2, #eee); }
.janus-policies p { font-size: 11.5px; line-height: 1.3; margin: 4px 0 0 0; color: var(--jp-ui-font-color2, #666); }
.janus-picture h4 { margin: 0 0 2px 0; font-size: 13.5px; font-weight: 600; line-height: 1.3; }
.janus-explorer { --jp-widgets-margin: 1px; --jp-widgets-inline-margin: 3px; --jp-widgets-inline-height: 25px;
  --jp-widgets-inline-label-width: 60px; }
.janus-bar .widget-hbox, .janus-shelf .widget-hbox { align-items: center; }
.janus-lesson .widget-html-content { font-size: 12.5px; line-height: 1.35; padding: 2px 0 2px 13px; }
.janus-copy { width: auto; }
.janus-table .widget-html-content { max-height: 260px; overflow: auto; font-size: 11.5px; line-height: 1.3; }
.janus-table table { border-collapse: collapse; }
.janus-table th, .janus-table td { padding: 1px 7px; text-align: right; white-space: nowrap; background: transparent;
  border: 0; border-bottom: 1px solid var(--janus-line); font-weight: 400; }
.janus-table thead th { position: sticky; top: 0; font-weight: 600; background: var(--jp-layout-color0, #fff); }
.janus-table p { margin: 2px 0; }
.janus-figures { position: relative; color: var(--jp-ui-font-color1, #444); }
.janus-plot, .janus-headings { position: absolute; inset: 0; }
.janus-plot text { paint-order: stroke; stroke-linejoin: round; }
.janus-plot text[stroke="#fefefe"] { stroke: var(--jp-layout-color0, #fff); }
.janus-headings { pointer-events: none; }
.janus-headings > div { position: absolute; white-space: pre; line-height: 16px; }
.janus-figure-title { font-size: 13.5px; font-weight: 600; }
.janus-figure-key { font-size: 11px; }
#vg-tooltip-element.vg-tooltip.janus-theme { color: var(--jp-ui-font-color1, #222); padding: 4px 7px; font-size: 12px;
  background: var(--jp-layout-color0, #fff); border: 1px solid var(--jp-border-color2, #bbb); border-radius: 2px;
  font-family: var(--jp-ui-font-family, sans-serif); max-width: 340px; }
.janus-desk { overflow-x: auto; }
.janus-stage .janus-figures { height: 223px; }
/* A low window: what is changed and what it changes are seen together. */
@media (max-height: 800px) {
  .janus-sentence .widget-html-content > div { font-size: 12.5px; line-height: 1.3; min-height: 118px; }
  .janus-stage .janus-figures { height: 196px; }
  .janus-course .janus-figures { height: 344px; }
  .janus-picture .pair figure { max-width: 92px; }
}
@container (min-width: 1200px) {
  .janus-sentence .widget-html-content > div { min-height: 81px; }
}
@container (max-width: 900px) {
  .janus-controls.janus-controls { width: 262px !important; flex-basis: 262px !important; }
}
/* A narrow screen, or a wide one at 200 %: the sentence, below it the controls in columns, then the figures. */
@container (max-width: 840px) {
  .janus-body.janus-body { display: flex; flex-direction: column; }
  .janus-sentence .widget-html-content > div { min-height: 138px; }
  .janus-right.janus-right { display: contents; }
  .janus-bar { order: 1; } .janus-sentence { order: 2; } .janus-controls { order: 3; } .janus-desk { order: 4; }
  .janus-right > .janus-note { order: 5; } .janus-shelf { order: 6; }
  .janus-controls.janus-controls { display: block; columns: 240px; column-gap: 14px; width: auto !important;
    flex: none !important; border-right: 0; padding-right: 0; margin-bottom: 6px; }
  .janus-controls > * { break-inside: avoid; }
}
@container (max-width: 570px) {
  .janus-explorer .janus-stage { grid-template-columns: minmax(0, 1fr); grid-template-rows: none;
    grid-auto-flow: row; }
}
"""
