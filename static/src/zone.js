// A choice of time zone that nobody made yet begins with the browser's.
const choice = document.querySelector("select[data-browser-zone]");
const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
if (choice && [...choice.options].some((option) => option.value === timeZone)) choice.value = timeZone;
