package page

import (
	"bytes"
	"encoding/xml"
	"fmt"
)

// Chart is bars, from left to right, with their values written out. It needs no script and no font of its own.
type Chart struct {
	Title  string
	Unit   string
	Bars   []Bar
	Better string // "more" or "less"
}

// Bar is one value.
type Bar struct {
	Label string
	Value float64
	Low   float64 // the lowest and highest of the rounds; drawn as a line when they differ
	High  float64
	Ours  bool
}

const (
	chartWidth = 430
	labelWidth = 96
	valueWidth = 78
	barHeight  = 18
	barGap     = 8
	headHeight = 44
)

// SVG draws charts in two columns.
func SVG(charts []Chart) []byte {
	var b bytes.Buffer
	rows := (len(charts) + 1) / 2
	tallest := 0
	for _, c := range charts {
		tallest = max(tallest, headHeight+len(c.Bars)*(barHeight+barGap)+16)
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12">`+"\n",
		2*chartWidth, rows*tallest)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n")
	for i := range charts {
		charts[i].draw(&b, i%2*chartWidth, i/2*tallest)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func (c *Chart) draw(b *bytes.Buffer, x, y int) {
	most := 0.0
	for _, bar := range c.Bars {
		most = max(most, bar.Value, bar.High)
	}
	if most == 0 {
		most = 1
	}
	scale := float64(chartWidth-labelWidth-valueWidth) / most
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="600" fill="#1f2328">%s</text>`+"\n", x+8, y+20, text(c.Title))
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="#656d76" font-size="11">%s</text>`+"\n", x+8, y+36, text(c.Unit+", "+c.Better+" is better"))
	for i, bar := range c.Bars {
		top := y + headHeight + i*(barHeight+barGap)
		middle := top + barHeight/2
		colour := "#afb8c1"
		if bar.Ours {
			colour = "#0969da"
		}
		left := x + labelWidth
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" fill="#1f2328">%s</text>`+"\n", left-6, middle+4, text(bar.Label))
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", left, top, max(bar.Value*scale, 1), barHeight, colour)
		end := max(bar.Value, bar.High) * scale
		if bar.High > bar.Low {
			fmt.Fprintf(b, `<path d="M%.1f %d H%.1f" stroke="#1f2328"/>`+"\n", float64(left)+bar.Low*scale, middle, float64(left)+bar.High*scale)
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%d" fill="#1f2328">%s</text>`+"\n", float64(left)+end+6, middle+4, Number(bar.Value))
	}
}

func text(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a bytes.Buffer takes everything
	return b.String()
}
