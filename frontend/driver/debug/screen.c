/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ks debug` in a terminal: the other screen of the terminal, keys as they are pressed, a line to type
 * commands in. Whatever ends the process, the terminal is as it was: at the end, on signals that end it,
 * and while it is stopped. These need a little state outside of parameters.
 */
#include "frontend/driver/debug/screen.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* ---- the terminal ---- */

static struct termios usual, raw;
static volatile sig_atomic_t is_resized, is_raw;

static const char enter_screen[] = "\033[?1049h\033[2J";
static const char leave_screen[] = "\033[0m\033[?25h\033[?1049l";

/* Also from signal handlers. */
static void write_all(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

static void take_terminal(void)
{
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	write_all(enter_screen, sizeof enter_screen - 1);
	is_raw = 1;
}

static void give_terminal_back(void)
{
	if (!is_raw)
		return;
	is_raw = 0;
	write_all(leave_screen, sizeof leave_screen - 1);
	tcsetattr(STDIN_FILENO, TCSANOW, &usual);
}

static void on_resize(int number)
{
	(void)number;
	is_resized = 1;
}

static void on_end(int number)
{
	give_terminal_back();
	signal(number, SIG_DFL);
	raise(number);
}

static void on_stop(int number)
{
	int error = errno;
	give_terminal_back();
	(void)number;
	raise(SIGSTOP);
	take_terminal(); // continued
	is_resized = 1;
	errno = error;
}

static const struct {
	int number;
	void (*handler)(int);
} handlers[] = {{SIGWINCH, on_resize}, {SIGINT, on_end},  {SIGTERM, on_end}, {SIGHUP, on_end},
		{SIGQUIT, on_end},     {SIGABRT, on_end}, {SIGSEGV, on_end}, {SIGTSTP, on_stop}};

static bool open_terminal(void)
{
	if (tcgetattr(STDIN_FILENO, &usual))
		return false;
	raw = usual;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
	raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
		struct sigaction action = {.sa_handler = handlers[i].handler};
		sigemptyset(&action.sa_mask);
		sigaction(handlers[i].number, &action, NULL);
	}
	take_terminal();
	return true;
}

bool screen_is_possible(void)
{
	const char *term = getenv("TERM");
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term &&
	       strcmp(term, "dumb");
}

/* ---- keys ---- */

enum key {
	KEY_NONE = 256,
	KEY_END_OF_INPUT,
	KEY_UP,
	KEY_DOWN,
	KEY_LEFT,
	KEY_RIGHT,
	KEY_HOME,
	KEY_END,
	KEY_DELETE,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
};

static int read_byte(void)
{
	unsigned char byte;
	ssize_t n = read(STDIN_FILENO, &byte, 1);
	if (n == 1)
		return byte;
	return n < 0 && errno == EINTR ? KEY_NONE : KEY_END_OF_INPUT;
}

/* A sequence after Escape comes at once; nothing more coming, it was the key. */
static bool is_more_there(void)
{
	int waiting = 0;
	if (ioctl(STDIN_FILENO, FIONREAD, &waiting) == 0 && waiting)
		return true;
	usleep(20000);
	return ioctl(STDIN_FILENO, FIONREAD, &waiting) == 0 && waiting;
}

static int read_sequence(void)
{
	static const struct {
		char last;
		int number;
		enum key key;
	} sequences[] = {{'A', 0, KEY_UP},      {'B', 0, KEY_DOWN},     {'C', 0, KEY_RIGHT},
			 {'D', 0, KEY_LEFT},    {'H', 0, KEY_HOME},     {'F', 0, KEY_END},
			 {'~', 1, KEY_HOME},    {'~', 4, KEY_END},      {'~', 3, KEY_DELETE},
			 {'~', 5, KEY_PAGE_UP}, {'~', 6, KEY_PAGE_DOWN}};
	int number = 0, byte;
	if (!is_more_there())
		return 27;
	byte = read_byte();
	if (byte != '[' && byte != 'O')
		return KEY_NONE;
	while ((byte = read_byte()) < 256 && (byte < '@' || byte > '~')) {
		if (byte >= '0' && byte <= '9')
			number = (number * 10 + byte - '0') % 100;
	}
	for (size_t i = 0; i < sizeof sequences / sizeof sequences[0]; i++) {
		bool is_plain = sequences[i].last != '~';
		if (sequences[i].last == byte && (is_plain || sequences[i].number == number))
			return sequences[i].key;
	}
	return KEY_NONE;
}

static int read_key(void)
{
	int byte = read_byte();
	return byte == 27 ? read_sequence() : byte;
}

/* ---- commands ---- */

static void run_command(struct screen *s, const char *line)
{
	s->said.len = 0;
	debug_command(s->session, line, &s->said);
	if (s->session->has_moved)
		debug_tell_move(s->session, &s->said);
	s->session->has_moved = false;
	s->scrolled = 0;
	s->is_reading = screen_wrap(s) > screen_said_rows(s);
}

static void enter_line(struct screen *s)
{
	char line[LINE_MAX_BYTES];
	bool is_empty = !s->line[strspn(s->line, " ")];
	memcpy(line, is_empty ? s->last : s->line, sizeof line);
	if (!is_empty) {
		memcpy(s->last, s->line, sizeof s->last);
		const char *kept = arena_copy_string(&s->session->subject->compile->session, line,
						     strlen(line));
		vec_push(&s->session->subject->compile->session, &s->history, kept);
	}
	s->in_history = s->history.len;
	s->length = s->cursor = 0;
	s->line[0] = 0;
	run_command(s, line);
}

/* ---- the line ---- */

static void remove_bytes(struct screen *s, uint32_t from, uint32_t to)
{
	memmove(s->line + from, s->line + to, s->length - to + 1);
	s->length -= to - from;
	s->cursor = from;
}

static void insert_byte(struct screen *s, char byte)
{
	if (s->length + 1 >= LINE_MAX_BYTES)
		return;
	memmove(s->line + s->cursor + 1, s->line + s->cursor, s->length - s->cursor + 1);
	s->line[s->cursor++] = byte;
	s->length++;
}

static void show_history(struct screen *s, int way)
{
	if ((way < 0 && !s->in_history) || (way > 0 && s->in_history >= s->history.len))
		return;
	s->in_history += (uint32_t)way;
	snprintf(s->line, sizeof s->line, "%s",
		 s->in_history < s->history.len ? s->history.data[s->in_history] : "");
	s->length = s->cursor = (uint32_t)strlen(s->line);
}

/* Arrows walk while nothing is being typed, else they edit the line. */
static bool walk_by_key(struct screen *s, int key)
{
	static const struct {
		enum key key;
		const char *command;
	} moves[] = {{KEY_UP, "back"},    {KEY_DOWN, "step"},        {KEY_LEFT, "back"},
		     {KEY_RIGHT, "step"}, {KEY_PAGE_UP, "previous"}, {KEY_PAGE_DOWN, "next"}};
	for (size_t i = 0; !s->length && i < sizeof moves / sizeof moves[0]; i++) {
		if ((int)moves[i].key != key)
			continue;
		run_command(s, moves[i].command);
		s->is_reading = false; // the screen shows it all
		return true;
	}
	return false;
}

enum { CTRL_A = 1, CTRL_D = 4, CTRL_E = 5, CTRL_K = 11, CTRL_N = 14, CTRL_P = 16, CTRL_U = 21 };

static void edit_line(struct screen *s, int key)
{
	if (key == '\r' || key == '\n')
		enter_line(s);
	else if ((key == 127 || key == 8) && s->cursor)
		remove_bytes(s, s->cursor - 1, s->cursor);
	else if (key == KEY_DELETE && s->cursor < s->length)
		remove_bytes(s, s->cursor, s->cursor + 1);
	else if (key == CTRL_U)
		remove_bytes(s, 0, s->cursor);
	else if (key == CTRL_K)
		s->line[s->length = s->cursor] = 0;
	else if (key == CTRL_A || key == KEY_HOME)
		s->cursor = 0;
	else if (key == CTRL_E || key == KEY_END)
		s->cursor = s->length;
	else if (key == KEY_LEFT && s->cursor)
		s->cursor--;
	else if (key == KEY_RIGHT && s->cursor < s->length)
		s->cursor++;
	else if (key == KEY_UP || key == CTRL_P)
		show_history(s, -1);
	else if (key == KEY_DOWN || key == CTRL_N)
		show_history(s, 1);
	else if (key >= ' ' && key < 127)
		insert_byte(s, (char)key);
}

static void read_on(struct screen *s, int key)
{
	uint32_t lines = screen_wrap(s), page = s->rows > 2 ? s->rows - 2 : 1;
	uint32_t last = lines + 1 > s->rows ? lines + 1 - s->rows : 0;
	if (key == KEY_DOWN || key == 'j')
		s->scrolled++;
	else if (key == KEY_UP || key == 'k')
		s->scrolled -= s->scrolled > 0;
	else if (key == ' ' || key == KEY_PAGE_DOWN)
		s->scrolled += page;
	else if (key == KEY_PAGE_UP)
		s->scrolled -= s->scrolled < page ? s->scrolled : page;
	else if (key != KEY_NONE)
		s->is_reading = false;
	if (s->scrolled > last)
		s->scrolled = last;
	if (!s->is_reading && key < 256 && key != '\r' && key != '\n' && key != 'q' && key != 27)
		edit_line(s, key);
}

/* ---- the loop ---- */

static void measure(struct screen *s)
{
	struct winsize size;
	s->rows = 24;
	s->columns = 80;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col) {
		s->rows = size.ws_row < 500 ? size.ws_row : 500;
		s->columns = size.ws_col < 500 ? size.ws_col : 500;
	}
}

static bool is_utf8(void)
{
	const char *names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	for (int i = 0; i < 3; i++) {
		const char *value = getenv(names[i]);
		if (value && *value)
			return strstr(value, "UTF-8") || strstr(value, "utf8");
	}
	return false;
}

static void paint(struct screen *s)
{
	struct buf out;
	buf_init(&out);
	if (is_resized)
		buf_add_text(&out, "\033[2J");
	is_resized = 0;
	measure(s);
	screen_paint(s, &out);
	write_all(out.data, out.len);
	buf_fini(&out);
}

void screen_run(struct session *session, const struct options *options)
{
	const char *no_color = getenv("NO_COLOR");
	struct screen s = {.session = session, .is_utf8 = is_utf8()};
	s.is_coloured = options->colour == COLOUR_ALWAYS ||
			(options->colour == COLOUR_AUTO && !(no_color && *no_color));
	snprintf(s.last, sizeof s.last, "step");
	if (!open_terminal())
		return;
	buf_init(&s.said);
	buf_init(&s.wrapped);
	measure(&s);
	run_command(&s, "refusal");
	s.is_reading &= !session->result.is_accepted;
	while (!session->is_over) {
		paint(&s);
		int key = read_key();
		if (key == KEY_END_OF_INPUT || (key == CTRL_D && !s.length))
			break;
		if (s.is_reading)
			read_on(&s, key);
		else if (!walk_by_key(&s, key))
			edit_line(&s, key);
	}
	give_terminal_back();
	buf_fini(&s.said);
	buf_fini(&s.wrapped);
}
