//! Can the built-in themes be read? Contrast by WCAG 2.1 on the backgrounds that each is made for, and whether states can
//! be told apart by people who do not see red and green as others do.
#![allow(clippy::unwrap_used, clippy::panic)]

use ratatui::style::{Color, Modifier};

use super::{BUILT_IN, Colors, Glyphs, Ground, Role, Theme};

type Rgb = [u8; 3];

/// Backgrounds of common terminals: pure, and as the popular schemes have it.
fn grounds(ground: Ground) -> [Rgb; 3] {
    match ground {
        Ground::Dark => [[0, 0, 0], [30, 30, 30], [40, 44, 52]],
        Ground::Light => [[255, 255, 255], [253, 246, 227], [245, 245, 245]],
    }
}

/// What "default" is on such a terminal, at its worst.
const fn plain(ground: Ground) -> Rgb {
    match ground {
        Ground::Dark => [190, 190, 190],
        Ground::Light => [70, 70, 70],
    }
}

/// The colours of the Linux console (`drivers/tty/vt/vt.c`), bold ones being the bright ones.
const CONSOLE: [(Color, Rgb); 16] = [
    (Color::Black, [0, 0, 0]),
    (Color::Red, [170, 0, 0]),
    (Color::Green, [0, 170, 0]),
    (Color::Yellow, [170, 85, 0]),
    (Color::Blue, [0, 0, 170]),
    (Color::Magenta, [170, 0, 170]),
    (Color::Cyan, [0, 170, 170]),
    (Color::Gray, [170, 170, 170]),
    (Color::DarkGray, [85, 85, 85]),
    (Color::LightRed, [255, 85, 85]),
    (Color::LightGreen, [85, 255, 85]),
    (Color::LightYellow, [255, 255, 85]),
    (Color::LightBlue, [85, 85, 255]),
    (Color::LightMagenta, [255, 85, 255]),
    (Color::LightCyan, [85, 255, 255]),
    (Color::White, [255, 255, 255]),
];

/// The dark half of the sixteen colours in palettes that are common on light terminals, and how bright black, which is gray.
const LIGHT_PALETTES: [(&str, [(Color, Rgb); 5]); 4] = [
    (
        "xterm",
        palette([205, 0, 0], [0, 0, 238], [205, 0, 205], [127, 127, 127]),
    ),
    ("VGA", palette([170, 0, 0], [0, 0, 170], [170, 0, 170], [85, 85, 85])),
    (
        "Tango",
        palette([204, 0, 0], [52, 101, 164], [117, 80, 123], [85, 87, 83]),
    ),
    (
        "Visual Studio Code",
        palette([205, 49, 49], [4, 81, 165], [188, 5, 188], [102, 102, 102]),
    ),
];

const fn palette(red: Rgb, blue: Rgb, magenta: Rgb, gray: Rgb) -> [(Color, Rgb); 5] {
    [
        (Color::Reset, [0, 0, 0]),
        (Color::Red, red),
        (Color::Blue, blue),
        (Color::Magenta, magenta),
        (Color::DarkGray, gray),
    ]
}

fn rgb(color: Color, ground: Ground) -> Rgb {
    match color {
        Color::Rgb(r, g, b) => [r, g, b],
        Color::Reset => plain(ground),
        // xterm's cube and its grays.
        Color::Indexed(n @ 16..=231) => {
            let n = n - 16;
            [n / 36, n / 6 % 6, n % 6].map(|step| if step == 0 { 0 } else { 55 + 40 * step })
        }
        Color::Indexed(n @ 232..) => [8 + 10 * (n - 232); 3],
        named => CONSOLE.into_iter().find(|(own, _)| *own == named).unwrap().1,
    }
}

fn linear(value: u8) -> f64 {
    let value = f64::from(value) / 255.0;
    if value <= 0.040_45 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

fn luminance(color: Rgb) -> f64 {
    let [r, g, b] = color.map(linear);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    a.max(b) / a.min(b)
}

fn themes() -> impl Iterator<Item = (&'static str, Theme)> {
    BUILT_IN
        .into_iter()
        .map(|(name, _)| (name, Theme::named(name, &|_| None).unwrap()))
}

/// The worst contrast of a role: on the backgrounds of such terminals, or on its own.
fn worst(theme: &Theme, role: Role) -> f64 {
    let ground = theme.ground();
    let style = theme.style(role);
    let text = rgb(style.fg.unwrap_or(Color::Reset), ground);
    let grounds = style
        .bg
        .map_or_else(|| grounds(ground).to_vec(), |own| vec![rgb(own, ground)]);
    let contrasts = grounds.into_iter().map(|ground| contrast(text, ground));
    contrasts.fold(f64::INFINITY, f64::min)
}

#[test]
fn every_text_can_be_read() {
    for (name, theme) in themes().filter(|(name, _)| *name != super::SIXTEEN_LIGHT) {
        // Sixteen colours are for consoles, whose background is black.
        let is_sixteen = name == super::SIXTEEN;
        for role in Role::ALL
            .into_iter()
            .filter(|role| !is_sixteen || *role != Role::Selection)
        {
            let found = if is_sixteen {
                contrast(rgb(theme.style(role).fg.unwrap(), Ground::Dark), [0, 0, 0])
            } else {
                worst(&theme, role)
            };
            let needed = match (role, name) {
                // A rule is no text: it must be seen, and may be faint.
                (Role::Border, _) => 1.5,
                (_, "high-contrast") => 7.0,
                _ => 4.5,
            };
            assert!(
                found >= needed,
                "{name}: {} has {found:.2}, needs {needed}",
                role.name()
            );
        }
    }
}

#[test]
fn over_ssh_it_can_still_be_read() {
    for (name, theme) in themes().filter(|(name, _)| !name.starts_with(super::SIXTEEN)) {
        let theme = theme.on(Colors::Indexed, Glyphs::Unicode);
        for role in Role::ALL.into_iter().filter(|role| *role != Role::Border) {
            let found = worst(&theme, role);
            assert!(found >= 4.0, "{name}: {} has {found:.2}", role.name());
        }
    }
}

#[test]
fn the_sixteen_are_sixteen_and_survive_the_linux_console() {
    let theme = Theme::named(super::SIXTEEN, &|_| None).unwrap();
    for role in Role::ALL {
        let style = theme.style(role);
        assert!(
            !matches!(style.fg, Some(Color::Rgb(..) | Color::Indexed(_))),
            "{role:?}"
        );
        // The console shows these as colours of their own.
        let replaced = Modifier::ITALIC | Modifier::UNDERLINED | Modifier::DIM;
        assert!(!style.add_modifier.intersects(replaced), "{role:?}");
    }
}

#[test]
fn sixteen_colours_can_be_read_on_white() {
    let theme = Theme::named(super::SIXTEEN_LIGHT, &|_| None).unwrap();
    assert_eq!(theme.ground(), Ground::Light);
    for role in Role::ALL {
        let style = theme.style(role);
        assert!(
            !style.add_modifier.contains(Modifier::DIM) && style.bg.is_none(),
            "{role:?}"
        );
        let color = style.fg.unwrap_or(Color::Reset);
        // Many terminals draw bold colours as the bright ones.
        assert!(
            color == Color::Reset || !style.add_modifier.contains(Modifier::BOLD),
            "{role:?}"
        );
        for (palette, colors) in LIGHT_PALETTES {
            let (_, own) = colors.into_iter().find(|(own, _)| *own == color).unwrap();
            let found = contrast(own, [255, 255, 255]);
            let needed = if role == Role::Border { 1.5 } else { 4.5 };
            assert!(found >= needed, "{palette}: {role:?} has {found:.2}, needs {needed}");
        }
    }
}

#[test]
fn the_selected_row_can_be_read_where_the_light_theme_is_on_a_dark_terminal() {
    let style = Theme::named("light", &|_| None).unwrap().style(Role::Selection);
    let [text, ground] = [style.fg, style.bg].map(|color| rgb(color.unwrap(), Ground::Dark));
    assert!(contrast(text, ground) >= 4.5);
}

/// Machado, Oliveira and Fernandes (2009), severity 1.0, in linear light.
const BLINDNESS: [(&str, [[f64; 3]; 3]); 2] = [
    (
        "protanopia",
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    ),
    (
        "deuteranopia",
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ),
];

/// CIE 1976 L*a*b* of a colour as seen through a matrix.
#[allow(clippy::many_single_char_names)] // they are called so
fn lab(color: Rgb, seen: &[[f64; 3]; 3]) -> [f64; 3] {
    let light = color.map(linear);
    let [r, g, b] = seen.map(|row| row.iter().zip(light).map(|(m, v)| m * v).sum::<f64>().clamp(0.0, 1.0));
    let white = [0.950_47, 1.0, 1.088_83];
    let xyz = [
        0.412_4 * r + 0.357_6 * g + 0.180_5 * b,
        0.212_6 * r + 0.715_2 * g + 0.072_2 * b,
        0.019_3 * r + 0.119_2 * g + 0.950_5 * b,
    ];
    let f = |t: f64| {
        if t > 0.008_856 {
            t.cbrt()
        } else {
            7.787 * t + 16.0 / 116.0
        }
    };
    let [x, y, z] = [0, 1, 2].map(|n| f(xyz[n] / white[n]));
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

#[test]
fn states_differ_for_colour_blind_people() {
    let states = [Role::Ok, Role::Warning, Role::Critical, Role::Unknown];
    let theme = Theme::named("colour-blind", &|_| None).unwrap();
    for (name, matrix) in &BLINDNESS {
        let seen = states.map(|role| lab(rgb(theme.style(role).fg.unwrap(), Ground::Dark), matrix));
        for (i, a) in seen.iter().enumerate() {
            for (j, b) in seen.iter().enumerate().skip(i + 1) {
                let difference: f64 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                let pair = (states[i].name(), states[j].name());
                assert!(difference >= 25.0, "{name}: {pair:?} differ by {difference:.1}");
            }
        }
    }
}
